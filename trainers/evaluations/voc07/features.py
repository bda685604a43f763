"""What an SVM sees of a photo: the last layer's maps, pooled to one place or to 2 x 2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from maskgen.trainers.datasets.images import Pixels
from maskgen.trainers.networks.backbones import feature_maps
from maskgen.trainers.pretrained.encoder import Encoder
from maskgen.trainers.probes.features import InputTransform, Network


def pool_grid(maps: Tensor) -> Tensor:
    """(B, D, h, w) to (B, D, 2, 2) by adaptive pooling: windows of 4 x 4 of 7 x 7 (CAST, VirTex)."""
    return functional.adaptive_avg_pool2d(maps, 2)


def pool_windows(maps: Tensor) -> Tensor:
    """(B, D, h, w) to (B, D, 2, 2) by windows that lack one row and one column: 6 x 6 of 7 x 7 (VISSL)."""
    height, width = maps.shape[2:]
    return functional.avg_pool2d(maps, (max(1, height - 1), max(1, width - 1)), stride=1)


POOLS: dict[str, Callable[[Tensor], Tensor] | None] = {
    "mean": None,
    "grid": pool_grid,
    "windows": pool_windows,
}
"""By name; None: as the backbone itself pools."""


def pooled(encoder: Encoder, pool: str) -> Network:
    """The backbone with another pooling, (B, 3, S, S) to (B, D) or (B, 4 D).

    Args:
        encoder: the backbone.
        pool: a name of `POOLS`.
    """
    reduce = POOLS[pool]
    if reduce is None:
        return encoder.network
    return lambda images: reduce(feature_maps(encoder.network, images)).flatten(1)


@dataclass(frozen=True, kw_only=True)
class Squashed(InputTransform):
    """Photos resized to a square whatever their shape.

    VISSL resizes twice, to a short side of 256 px and then to 224 x 224; this once.
    """

    fit: str = "squashed"

    def input(self, image: Pixels, number: int) -> Pixels:  # noqa: ARG002 - nothing is drawn
        """(H, W, 3) to (side, side, 3)."""
        size = (self.side, self.side)
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def shorten(features: NDArray[np.float32], epsilon: float) -> NDArray[np.float64]:
    """(n, D) to float64 rows of length 1; a row of zeros stays one.

    Args:
        features: of photos.
        epsilon: added to the lengths.
    """
    rows = features.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True) + epsilon
    return rows / np.where(lengths > 0, lengths, 1.0)
