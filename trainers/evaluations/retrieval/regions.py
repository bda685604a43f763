"""Photos cut into regions, each with the mean of its features and the true classes of its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from maskgen.evaluation.reading import Blob, read_map
from maskgen.trainers.datasets.index_png import VOID
from maskgen.trainers.datasets.segmentation.voc import CLASSES
from maskgen.types import HardMask

_ROUNDS = 20

Features = NDArray[np.float32]


class Regions(NamedTuple):
    """The regions of a photo.

    Args:
        vectors: (R, D) float32, the mean of the features of each.
        counts: (R, C) int64, its pixels of each class at the photo's own size, without void.
        rest: (C,) int64, pixels in no region.
    """

    vectors: Features
    counts: NDArray[np.int64]
    rest: NDArray[np.int64]


def cluster_regions(maps: Features, truth: NDArray[np.uint8], clusters: int, seed: list[int]) -> Regions:
    """The clusters of a photo's features: Van Gansbeke et al. 2021, https://arxiv.org/abs/2106.05967, A.7.

    K-means of SciPy, k-means++ from a seed, 20 rounds; the paper says no more than K. Clusters without a
    place are left out.

    Args:
        maps: (D, h, w).
        truth: (H, W), of the photo's own size, to which clusters are enlarged by nearest pixels.
        clusters: K.
        seed: of the first centers.
    """
    places = maps.reshape(len(maps), -1).T.astype(np.float64)
    distinct = len(np.unique(places, axis=0))
    rng = np.random.default_rng(seed)
    _, found = kmeans2(places, min(clusters, distinct), iter=_ROUNDS, minit="++", rng=rng, missing="warn")
    _, numbers = np.unique(found, return_inverse=True)
    where = numbers.reshape(maps.shape[1:]).astype(np.uint8)
    large = cv2.resize(where, (truth.shape[1], truth.shape[0]), interpolation=cv2.INTER_NEAREST)
    return _describe(
        maps, [where == one for one in range(numbers.max() + 1)], np.asarray(large, np.int64), truth
    )


def masked_region(maps: Features, truth: NDArray[np.uint8], mask: HardMask) -> Regions:
    """The foreground as one region: MaskContrast, Van Gansbeke et al. 2021, https://arxiv.org/abs/2102.06191.

    Args:
        maps: (D, h, w).
        truth: (H, W).
        mask: (H, W) bool; where it is empty there is no region.
    """
    share = cv2.resize(mask.astype(np.float32), (maps.shape[2], maps.shape[1]), interpolation=cv2.INTER_AREA)
    inside = share >= min(
        0.5, float(share.max())
    )  # an object smaller than a place has the places it covers most
    regions = [inside] if mask.any() else []
    return _describe(maps, regions, np.where(mask, 0, -1), truth)


def _describe(
    maps: Features, regions: list[HardMask], where: NDArray[np.int64], truth: NDArray[np.uint8]
) -> Regions:
    """Means over (h, w) masks of regions; pixels of the (H, W) numbers of regions, -1 for none."""
    vectors = [maps[:, region].mean(1) for region in regions]
    counted = truth != VOID
    pairs = (where[counted] + 1) * len(CLASSES) + truth[counted]
    counts = np.bincount(pairs, minlength=(len(regions) + 1) * len(CLASSES)).reshape(-1, len(CLASSES))
    stacked = np.array(vectors, np.float32).reshape(len(vectors), len(maps))
    return Regions(stacked, counts[1:].astype(np.int64), counts[0].astype(np.int64))


def read_mask(masks: Mapping[str, Blob], name: str, size: tuple[int, int], cut: int, truth: Blob) -> HardMask:
    """The (H, W) bool foreground of a photo by its name, at a size; empty where there is no mask.

    Raises:
        UsageError: it cannot be read, or is of another shape.
        ShardFault: a shard is damaged.
    """
    blob = masks.get(name)
    if blob is None:
        return np.zeros(size, bool)
    found: HardMask = read_map(blob, size, truth) >= cut
    return found
