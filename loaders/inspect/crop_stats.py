"""What a recipe's crops show of the photos of one's own shards, counted before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dataset.dataset import Dataset
from ..pixels.sources import draw_sources
from ..reading.samples import SampleReader
from ..recipes.spec import Recipe
from ..sampling.crops import coverage, foreground_area
from ..sampling.overlaps import common_part, intersection
from ..sampling.view_draws import KEEP
from .objects import ObjectStats, Outlines, object_stats

_TOGETHER = 256

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ViewStats:
    """Of one view; shares from 0 to 1, and means of them.

    Args:
        area: share of the photo that the crop covers.
        held: share of the photo's foreground that the crop holds, of photos with a foreground.
        shown: share of the crop that is foreground.
        empty: crops that hold no foreground, of photos with one.
        replaced: views on another background.
        asked: how often the recipe asks for that; the rest was skipped, for want of a foreground.
    """

    area: float
    held: float
    shown: float
    empty: float
    replaced: float
    asked: float


@dataclass(frozen=True, kw_only=True)
class PairStats:
    """Of two views of a photo.

    Args:
        views: their numbers.
        iou: intersection over union of the crops, mean.
        disjoint: pairs of crops that share nothing.
        no_common_foreground: pairs whose common part holds no foreground, of photos with one.
    """

    views: tuple[int, int]
    iou: float
    disjoint: float
    no_common_foreground: float


@dataclass(frozen=True)
class CropStats:
    """Of a recipe on a data set.

    Args:
        samples: that were looked at.
        without: share of them that have no foreground.
        views: by number.
        pairs: of all views.
        objects: the same pairs, by outlined objects; empty without.
    """

    samples: int
    without: float
    views: tuple[ViewStats, ...]
    pairs: tuple[PairStats, ...]
    objects: tuple[ObjectStats, ...] = ()


def crop_stats(
    dataset: Dataset, recipe: Recipe, samples: int, seed: int, outlines: Outlines | None = None
) -> CropStats:
    """Draw a recipe's views as a loader draws them in epoch 0, and sum them up.

    Masks are the stored ones, also where the recipe corrupts them before it crops.

    Args:
        dataset: with at least one sample.
        recipe: what is made of each photo.
        samples: the first ones of the epoch's order; all, if there are fewer.
        seed: of the order and of all draws.
        outlines: objects of the photos, for which objects two crops show.

    Raises:
        BrokenSample: one is damaged.

    Example:
        >>> from maskgen.loaders import RECIPES, open_dataset
        >>> from maskgen.loaders.inspect.crop_stats import crop_stats
        >>> found = crop_stats(open_dataset("shards"), RECIPES["mocov2-bg-rm"], 100, seed=0)
        >>> len(found.views), found.pairs[0].views, 0 <= found.pairs[0].iou <= 1
        (2, (0, 1), True)
    """
    parts = list(_batches(dataset, recipe, min(samples, dataset.samples), seed))
    boxes = np.concatenate([part.boxes for part in parts])
    sat = np.concatenate([part.sat for part in parts])
    area = np.concatenate([part.area for part in parts])
    kinds = np.concatenate([part.kinds for part in parts])
    there = area > 0
    held = coverage(sat, boxes)
    sizes = boxes[..., 2:].prod(-1)
    views = tuple(
        ViewStats(
            area=float(sizes[:, v].mean()),
            held=_mean(held[there, v]),
            shown=float(np.minimum(held[:, v] * area / sizes[:, v], 1).mean()),
            empty=_mean(held[there, v] == 0),
            replaced=float((kinds[:, v] != KEEP).mean()),
            asked=view.background.p,
        )
        for v, view in enumerate(recipe.views)
    )
    pairs = tuple(_pair(boxes, sat, there, pair) for pair in combinations(range(len(views)), 2))
    numbers = dataset.order(seed, 0)[np.arange(len(boxes))]
    objects = tuple(object_stats(boxes, numbers, outlines)) if outlines else ()
    return CropStats(len(boxes), float(1 - there.mean()), views, pairs, objects)


class _Part(NamedTuple):
    """(B, V, 4) boxes, (B, 33, 33) tables, (B,) areas of the foreground and (B, V) kinds of background."""

    boxes: Floats
    sat: NDArray[np.uint16]
    area: Floats
    kinds: NDArray[np.uint8]


def _batches(dataset: Dataset, recipe: Recipe, count: int, seed: int) -> Iterator[_Part]:
    reader, order = SampleReader(dataset), dataset.order(seed, 0)
    try:
        for start in range(0, count, _TOGETHER):
            taken = reader.take(order[np.arange(start, min(start + _TOGETHER, count))])
            draws = draw_sources(recipe, taken, seed=seed, epoch=0, level=dataset.level).draws
            boxes = np.stack([view.box for view in draws.views], axis=1).astype(np.float64)
            kinds = np.stack([view.kind for view in draws.views], axis=1)
            yield _Part(boxes, taken.small.sat, foreground_area(taken.small.meta), kinds)
    finally:
        reader.close()


def _pair(boxes: Floats, sat: NDArray[np.uint16], there: NDArray[np.bool_], pair: Sequence[int]) -> PairStats:
    first, second = boxes[:, pair[0]], boxes[:, pair[1]]
    shared = intersection(first, second)
    union = first[:, 2:].prod(-1) + second[:, 2:].prod(-1) - shared
    held = np.where(shared > 0, coverage(sat, common_part(first, second)[:, None])[:, 0], 0.0)
    return PairStats(
        views=(pair[0], pair[1]),
        iou=float((shared / union).mean()),
        disjoint=float((shared == 0).mean()),
        no_common_foreground=_mean(held[there] == 0),
    )


def _mean(values: NDArray[np.generic]) -> float:
    return float(values.astype(np.float64).mean()) if values.size else 0.0
