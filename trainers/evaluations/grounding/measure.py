"""Grad-CAM maps against masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskgen.challenge.scores import delta_saliency_density
from maskgen.errors import UsageError
from maskgen.trainers.datasets.masked import MaskedImages
from maskgen.trainers.heads.head import Head
from maskgen.types import HardMask

from .cam import GradCam, enlarge, last_maps
from .crops import Crop, crop_pair
from .scores import Score, class_score, match_score

CUT = 0.5
"""Value above which a map counts as looking, CAST, section 4.4."""
BINS = 20
"""Of the histogram of IoU values, figure 7 of the paper."""


class Look(NamedTuple):
    """Where a network looked in one query.

    Args:
        query: the crop, and its mask.
        cam: (S, S) float32 in [0, 1].
    """

    query: Crop
    cam: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Looker:
    """A network with how it is asked where it looks.

    Args:
        network: (B, 3, S, S) to (B, D), in evaluation mode.
        normalize: (B, 3, S, S) uint8 on the device to its input.
        device: it lies on.
        side: S, px.
        score: of `SCORES`.
        crops: of `CROPS`.
        head: for ``class``.
        layer: whose maps are weighed; empty: the last that has maps.
        seed: of the crops.
        threads: that decode.
        batch_size: images at once.
    """

    network: nn.Module
    normalize: Callable[[Tensor], Tensor]
    device: torch.device
    side: int
    score: str = "masked"
    crops: str = "random"
    head: Head | None = None
    layer: str = ""
    seed: int = 0
    threads: int = 2
    batch_size: int = 32

    def __post_init__(self) -> None:
        if self.score == "key" and self.crops == "whole":
            raise UsageError(
                "a whole photo as its own key says nothing of where a network looks",
                cause="q and k are the same, and their cosine has no gradient at its maximum",
                remedy="--score masked, or --crops random",
            )
        if (self.score == "class") != (self.head is not None):
            raise UsageError(
                "a class is scored by a head, and only a class is",
                remedy="--score class together with --head linear.safetensors or --head own",
            )

    @cached_property
    def weighed_layer(self) -> str:
        """The name of the layer whose maps are weighed.

        Raises:
            UsageError: the network has no maps.
        """
        return self.layer or last_maps(self.network, self.side, self.device)

    def looks(self, images: MaskedImages, numbers: Sequence[int]) -> Iterator[Look]:
        """Where the network looks in each of the images, in order. Draws no random number of torch's."""
        cam = GradCam(self.network, self.weighed_layer)
        with ThreadPoolExecutor(self.threads) as pool:
            for start in range(0, len(numbers), self.batch_size):
                part = numbers[start : start + self.batch_size]
                pairs = list(pool.map(lambda number: self._crops(images, number), part))
                yield from self._batch(cam, pairs)

    def _crops(self, images: MaskedImages, number: int) -> tuple[Crop, Crop]:
        photo, mask = images.read(number)
        return crop_pair(photo, mask, self.side, self.crops, np.random.default_rng([self.seed, number]))

    def _batch(self, cam: GradCam, pairs: list[tuple[Crop, Crop]]) -> Iterator[Look]:
        queries = self._input([query for query, _ in pairs])
        maps = enlarge(cam(queries, self._score([key for _, key in pairs])), (self.side, self.side))
        for (query, _), found in zip(pairs, maps.cpu().numpy(), strict=True):
            yield Look(query, found)

    def _score(self, keys: list[Crop]) -> Score:
        if self.head is not None:
            return class_score(self.head)
        masks = None
        if self.score == "masked":
            masks = torch.from_numpy(np.stack([key.mask for key in keys])).to(self.device).float()
        return match_score(self.network, self._input(keys), masks)

    def _input(self, crops: list[Crop]) -> Tensor:
        pictures = torch.from_numpy(np.stack([crop.picture for crop in crops])).permute(0, 3, 1, 2)
        return self.normalize(pictures.to(self.device))


def judge(look: Look) -> tuple[float, float]:
    """IoU of the map above `CUT` with the mask, and the delta saliency density.

    NaN where they say nothing: both for a query without foreground, the density also for one without
    background.

    Example:
        >>> import numpy as np
        >>> from maskgen.trainers.evaluations.grounding.crops import Crop
        >>> from maskgen.trainers.evaluations.grounding.measure import Look, judge
        >>> query = Crop(np.zeros((2, 2, 3), np.uint8), np.array([[True, True], [False, False]]))
        >>> judge(Look(query, np.array([[1.0, 0.25], [0.25, 0.0]], np.float32)))
        (0.5, 0.5)
    """
    mask: HardMask = look.query.mask
    if not mask.any():
        return float("nan"), float("nan")
    above = look.cam > CUT
    overlap = float((above & mask).sum() / (above | mask).sum())
    return overlap, float("nan") if mask.all() else delta_saliency_density(look.cam, mask)


def summarize(scores: NDArray[np.float64]) -> dict[str, Any]:
    """Figures of (n, 2) scores, as `judge` gives them.

    Returns:
        ``iou``, its mean; ``iou_median``; ``iou_histogram``, images in `BINS` equal parts of 0..1;
            ``delta_saliency_density``, its mean; ``images`` that count, and ``without_foreground``, which do
            not.
    """
    ious, densities = scores[:, 0], scores[:, 1]
    known, dense = ious[~np.isnan(ious)], densities[~np.isnan(densities)]
    if not len(known):
        raise UsageError(
            "no query has any foreground", cause="the masks are empty", remedy="`maskgen preview` shows them"
        )
    return {
        "iou": float(known.mean()),
        "iou_median": float(np.median(known)),
        "iou_histogram": np.histogram(known, BINS, (0, 1))[0].tolist(),
        "delta_saliency_density": float(dense.mean()) if len(dense) else None,
        "images": len(known),
        "without_foreground": len(ious) - len(known),
    }
