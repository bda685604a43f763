"""Which photos are fit for a challenge, from what their shards say of the masks: no picture is decoded.

The rules are those of the authors' script for ImageNet-9 (Xiao et al. 2021, https://arxiv.org/abs/2006.09994,
appendix A), put in terms of a mask, which ImageNet's annotated boxes are not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskgen.loaders import Dataset
from maskgen.loaders.reading.samples import SampleReader

from ..backgrounds.choice import choose_strip
from ..backgrounds.region import grow_box, margin_px
from ..backgrounds.tiled import seam_px
from ..errors import UsageError
from ..shards.meta import UNKNOWN
from ..types import Box
from .donors import draw
from .settings import Settings
from .variants import central_square

REASONS = {
    "no-label": "no single class",
    "no-foreground": "the mask has no foreground",
    "low-confidence": "the mask is trusted less than --min-confidence",
    "outside": "less than half of the foreground lies in the central square",
    "too-large": "what covers the foreground covers more than 90 % of the square",
    "too-sparse": "the foreground covers less than 10 % of its box",
    "no-strip": "no strip of background beside the foreground is wide enough to be repeated",
    "alone": "no other photo of its class is left",
    "not-drawn": "others of its class were drawn, see --per-class",
}
"""Why a photo is left out, in the order in which it is asked."""
MIN_INSIDE, MAX_BOX, MIN_FILL = 0.5, 0.9, 0.1
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Facts:
    """What is asked of a photo.

    Args:
        size: (height, width), px.
        box: of the foreground, px; all zero without one.
        share: of the photo that is foreground, [0, 1].
        label: a class; -1 without a single one.
        confidence: in the mask, [0, 1]; None where the shards are too old to say.
        small: (128, 128) bool, the foreground squeezed to a square.
    """

    size: tuple[int, int]
    box: Box
    share: float
    label: int
    confidence: float | None
    small: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """All samples of a data set, and which of them are taken.

    Args:
        keys: of the samples.
        labels: of the samples.
        reasons: a name of `REASONS` for each sample, empty for one that is taken.
    """

    keys: list[str]
    labels: list[int]
    reasons: list[str]

    @property
    def taken(self) -> list[int]:
        """Numbers of the samples that are taken."""
        return [number for number, reason in enumerate(self.reasons) if not reason]

    def left_out(self) -> dict[str, int]:
        """How many were left out for each of `REASONS`."""
        counts = Counter(self.reasons)
        return {reason: counts[reason] for reason in REASONS}


def why_left_out(facts: Facts, min_confidence: float = 0.0) -> str:
    """The first of `REASONS` that one photo alone gives, or nothing.

    Deviations from the authors' script: half of the foreground has to lie in the central square, not half of
    an annotated box; the box is the one that ``only_bg_b`` and ``only_bg_t`` cover, the mask's and a margin;
    the square is as high as the photo, not 7/8 of it.

    Example:
        >>> from maskgen.challenge.selection import Facts, why_left_out
        >>> import numpy as np
        >>> from maskgen.types import Box
        >>> small = np.zeros((128, 128), np.bool_)
        >>> small[40:80, 40:80] = True
        >>> why_left_out(Facts((100, 100), Box(31, 31, 63, 63), 0.1, 3, None, small))
        ''
        >>> why_left_out(Facts((100, 100), Box(31, 31, 63, 63), 0.01, 3, None, small))
        'too-sparse'
    """
    if facts.label < 0:
        return "no-label"
    if not facts.box.area or not facts.small.any():
        return "no-foreground"
    if facts.confidence is not None and facts.confidence < min_confidence:
        return "low-confidence"
    square = central_square(facts.size)
    if _inside(facts.small, facts.size, square) < MIN_INSIDE:
        return "outside"
    region = grow_box(facts.box, margin_px(facts.size) + seam_px(facts.size), facts.size)
    if _overlap(region, square).area > MAX_BOX * square.area:
        return "too-large"
    if facts.share * facts.size[0] * facts.size[1] < MIN_FILL * facts.box.area:
        return "too-sparse"
    return "" if choose_strip(region, facts.size, None) else "no-strip"


def _overlap(one: Box, other: Box) -> Box:
    y0, x0 = max(one.y0, other.y0), max(one.x0, other.x0)
    y1, x1 = min(one.y1, other.y1), min(one.x1, other.x1)
    return Box(y0, x0, y1, x1) if y1 > y0 and x1 > x0 else Box(0, 0, 0, 0)


def _inside(small: NDArray[np.bool_], size: tuple[int, int], square: Box) -> float:
    """The share of the foreground in the square; a cell counts where its center lies."""
    rows, columns = (
        (np.arange(cells) + 0.5) * length / cells for cells, length in zip(small.shape, size, strict=True)
    )
    inside = small[(rows >= square.y0) & (rows < square.y1)][
        :, (columns >= square.x0) & (columns < square.x1)
    ]
    return float(inside.sum() / small.sum())


def select(dataset: Dataset, settings: Settings, tick: Callable[[int], None] = lambda _: None) -> Selection:
    """Look at all samples of a data set.

    Args:
        dataset: an open one.
        settings: what is asked.
        tick: called with the number of samples looked at.

    Raises:
        UsageError: no sample has a label, or fewer than two classes of two photos are left.
        ShardFault: a sample is damaged.
    """
    if settings.per_class == 1:
        raise UsageError(
            "one photo of a class has no other to get a background from", arguments=[("per_class", 2)]
        )
    labels, reasons = [], []
    for facts in read_facts(dataset):
        labels.append(facts.label)
        reasons.append(why_left_out(facts, settings.min_confidence))
        tick(len(labels))
    keys = dataset.keys(np.arange(dataset.samples))
    return settle(Selection(keys, labels, reasons), settings, dataset.where)


def read_facts(dataset: Dataset) -> Iterator[Facts]:
    """What is asked of each sample, in their order.

    Raises:
        ShardFault: one is damaged.
    """
    reader = SampleReader(dataset)
    try:
        for first in range(0, dataset.samples, _CHUNK):
            small = reader.small(np.arange(first, min(first + _CHUNK, dataset.samples)))
            for meta, soft in zip(small.meta, small.fg, strict=True):
                height, width = meta["size"].tolist()
                confidence = int(meta["confidence_ppm"])
                yield Facts(
                    (height, width),
                    Box(*meta["fg_box"].tolist()),
                    int(meta["fg_area_ppm"]) / 1e6,
                    int(meta["label"]),
                    None if confidence == UNKNOWN else confidence / 1e6,
                    soft >= dataset.level,
                )
    finally:
        reader.close()


def settle(found: Selection, settings: Settings, where: str) -> Selection:
    """Leave out what has no partner, and what is not drawn.

    Args:
        found: what each photo alone gives.
        settings: `seed` and `per_class` are read.
        where: the data set, for errors.

    Raises:
        UsageError: no sample has a label, or fewer than two classes of two photos are left.
    """
    if not found.reasons or found.left_out()["no-label"] == len(found.reasons):
        raise UsageError(
            "the shards have no labels",
            where=where,
            cause="they were made without, or have several labels an image",
            remedy="maskgen run --dataset folder --labels folder takes the folders' names",
        )
    reasons = list(found.reasons)
    groups: dict[int, list[int]] = {}
    for number in found.taken:
        groups.setdefault(found.labels[number], []).append(number)
    for group in groups.values():
        if len(group) < 2:
            reasons[group[0]] = "alone"
        elif settings.per_class:
            ranked = sorted(group, key=lambda n: draw(1 << 64, settings.seed, "take", found.keys[n]))
            for number in ranked[settings.per_class :]:
                reasons[number] = "not-drawn"
    settled = Selection(found.keys, found.labels, reasons)
    if len({settled.labels[number] for number in settled.taken}) < 2:
        told = [f"{REASONS[name]}: {count}" for name, count in settled.left_out().items() if count]
        raise UsageError(
            "a challenge needs two classes of two photos each",
            where=where,
            cause="; ".join([f"{len(settled.taken)} of {len(reasons)} photos are fit", *told]),
            remedy="give shards of more photos and classes, or masks of another --method",
        )
    return settled
