"""The dense CRF of `refine_crf` for many maps at once, in torch, on any device.

What DeepUSPS's running averages need.

Krähenbühl and Koltun, "Efficient inference in fully connected CRFs with Gaussian edge potentials", NIPS 2011,
algorithm 1 for two labels and Potts compatibility. The color kernel is the permutohedral lattice (Adams, Baek
and Davis, Eurographics 2010) of `maskgen.methods.filters.lattice`, with the lattices of a whole batch in one
table. No compiler is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from . import crf
from .crf import DEEPUSPS, LEAST_PROBABILITY, Kernels

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

TRUNCATION = 4.0
"""Sigmas after which the smoothness kernel is cut off."""
LARGEST_KEY = 2**62


@dataclass(frozen=True, slots=True)
class MeanField:
    """Refine a batch of maps by their photos.

    On a GPU sums have no fixed order: the last bits may differ between calls.

    Args:
        side: of the square at which messages are computed, px; at most the maps' own side. They are enlarged
            and added to the maps' own log odds, so that a small side coarsens the messages alone.
        kernels: sigmas, as shares of the side, and weights; DeepUSPS's unless given.
        device: where it is computed.
        batch: maps computed at once.
    """

    side: int
    kernels: Kernels = DEEPUSPS
    device: str = "cpu"
    batch: int = 16

    def __call__(self, photos: NDArray[np.uint8], maps: NDArray[np.floating]) -> NDArray[np.float32]:
        """Refined maps.

        Args:
            photos: (N, S, S, 3) uint8 RGB.
            maps: (N, S, S) in [0, 1].

        Returns:
            (N, S, S) float32 in [0, 1].
        """
        refined = np.empty(maps.shape, np.float32)
        for start in range(0, len(maps), self.batch):
            some = slice(start, start + self.batch)
            pixels = torch.from_numpy(np.array(photos[some])).to(self.device)
            values = torch.from_numpy(np.array(maps[some], np.float32)).to(self.device)
            with torch.inference_mode():
                refined[some] = (
                    refine(pixels.permute(0, 3, 1, 2), values, self.side, self.kernels).cpu().numpy()
                )
        return refined


@dataclass(frozen=True, slots=True)
class MeanFieldByPhoto:
    """The same by the numpy lattice, one photo after the other: on a CPU it takes 2/5 of the time.

    Args:
        side: as of `MeanField`.
        kernels: as of `MeanField`.
    """

    side: int
    kernels: Kernels = DEEPUSPS

    def __call__(self, photos: NDArray[np.uint8], maps: NDArray[np.floating]) -> NDArray[np.float32]:
        """Refined (N, S, S) float32 maps in [0, 1], of (N, S, S, 3) uint8 RGB photos and (N, S, S) maps."""
        refined = np.empty(maps.shape, np.float32)
        for number, (photo, soft) in enumerate(zip(photos, maps, strict=True)):
            inside = np.clip(soft.astype(np.float32), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
            refined[number] = self._one(np.ascontiguousarray(photo), inside)
        return refined

    def _one(self, photo: NDArray[np.uint8], soft: NDArray[np.float32]) -> NDArray[np.float32]:
        odds = np.log(soft / (1 - soft))
        size = (min(self.side, photo.shape[1]), min(self.side, photo.shape[0]))
        guide = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
        coarse = np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_AREA), np.float32)
        messages = crf.mean_field(np.log(coarse / (1 - coarse)), guide, self.kernels)
        odds += cv2.resize(messages, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(
            0.5 + 0.5 * np.tanh(odds / 2), np.float32
        )  # the logistic function, which cannot overflow


def refine(photos: Tensor, maps: Tensor, side: int, kernels: Kernels = DEEPUSPS) -> Tensor:
    """Move maps to where the photos' colors agree with them.

    Args:
        photos: (B, 3, S, S) uint8 RGB.
        maps: (B, S, S) float32 in [0, 1].
        side: of the square at which messages are computed, px.
        kernels: sigmas and weights.

    Returns:
        (B, S, S) float32 in [0, 1].
    """
    odds = log_odds(maps)
    if side >= maps.shape[1]:
        return torch.sigmoid(odds + mean_field(odds, photos.float(), kernels))
    size = (side, side)
    guide = functional.interpolate(photos.float(), size=size, mode="bilinear", antialias=True)
    coarse = functional.interpolate(maps[:, None], size=size, mode="bilinear", antialias=True)[:, 0]
    messages = mean_field(log_odds(coarse), guide, kernels)
    grown = functional.interpolate(messages[:, None], size=maps.shape[1:], mode="bilinear")[:, 0]
    return torch.sigmoid(odds + grown)


def log_odds(maps: Tensor) -> Tensor:
    """log(p / (1 - p)) of maps in [0, 1], kept finite by the least probability of `refine_crf`.

    Example:
        >>> from maskgen.methods.refine.mean_field import log_odds
        >>> import torch
        >>> log_odds(torch.tensor([0.5])).tolist()
        [0.0]
    """
    inside = maps.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return torch.log(inside / (1 - inside))


def mean_field(unary: Tensor, photos: Tensor, kernels: Kernels) -> Tensor:
    """The messages of the last mean field step, both kernels normalized symmetrically, as in pydensecrf.

    Args:
        unary: (B, h, w) float32 log odds of foreground.
        photos: (B, 3, h, w) float32 RGB, 0..255.
        kernels: sigmas and weights.

    Returns:
        (B, h, w) float32, to be added to the unary log odds.
    """
    place = _normalize_kernel(lambda x: blur(x, kernels.place_sigma * max(unary.shape[1:])), unary)
    lattice = Lattice(_features(photos, kernels))
    appearance = _normalize_kernel(lambda x: lattice(x.flatten(1)).view_as(x), unary)
    messages = torch.zeros_like(unary)
    for _ in range(kernels.iterations):
        belief = torch.tanh((unary + messages) / 2)  # 2 q - 1
        messages = kernels.place_weight * place(belief) + kernels.appearance_weight * appearance(belief)
    return messages


def blur(values: Tensor, sigma_px: float) -> Tensor:
    """(B, h, w) filtered by a Gaussian of sum 1, with zeros beyond the border.

    As products with matrices: convolutions in float32 are rounded to TF32 on a GPU unless the whole process
    is told otherwise.
    """
    down, across = (_gaussian(side, sigma_px, values) for side in values.shape[1:])
    return down @ values @ across


def _gaussian(side: int, sigma_px: float, like: Tensor) -> Tensor:
    """(side, side), symmetric: what each place gives to each."""
    radius = max(1, math.ceil(TRUNCATION * sigma_px))
    taps = torch.arange(-radius, radius + 1, device=like.device, dtype=like.dtype)
    whole = torch.exp(-((taps / sigma_px) ** 2) / 2).sum()
    places = torch.arange(side, device=like.device, dtype=like.dtype)
    distance = (places[:, None] - places).abs()
    weights = torch.exp(-((distance / sigma_px) ** 2) / 2) / whole
    return torch.where(distance <= radius, weights, 0.0)


def _features(photos: Tensor, kernels: Kernels) -> Tensor:
    """(B, 5, h * w): rows, columns and colors in units of the appearance kernel's sigmas."""
    batch, _, height, width = photos.shape
    scale = kernels.appearance_sigma * max(height, width)
    rows = torch.arange(height, device=photos.device, dtype=torch.float32) / scale
    columns = torch.arange(width, device=photos.device, dtype=torch.float32) / scale
    place = torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(batch, -1, -1, -1)
    return torch.cat([place, photos / kernels.color_sigma], 1).flatten(2)


def _normalize_kernel(kernel: Callable[[Tensor], Tensor], like: Tensor) -> Callable[[Tensor], Tensor]:
    scale = kernel(torch.ones_like(like)).clamp_min(1e-12).rsqrt()
    return lambda values: scale * kernel(scale * values)


class Lattice:
    """Sums of exp(-|f_i - f_j|² / 2) x_j over all points of an image, up to one factor, for a batch of them.

    Args:
        features: (B, d, N) float32 points, in units of the Gaussian's sigma.

    Raises:
        ValueError: the points lie too far apart (more than 2^62 cells together).
    """

    def __init__(self, features: Tensor) -> None:
        batch, dimensions, count = features.shape
        points = features.transpose(0, 1).reshape(dimensions, -1)
        corner, rank, offset = enclosing_simplex(points)
        images = torch.arange(batch, device=points.device).repeat_interleave(count)
        keys, strides = _vertex_keys(corner, rank, images)
        vertices, places = torch.unique(keys, return_inverse=True)
        self._places, self._weights, self._size = places, _barycentric(offset), len(vertices)
        total = sum(strides)
        steps = [total - (dimensions + 1) * stride for stride in strides] + [total]
        self._neighbors = [
            (_link_vertices(vertices, -step), _link_vertices(vertices, step)) for step in steps
        ]

    def __call__(self, values: Tensor) -> Tensor:
        """Filter (B, N) float32 values."""
        spread = (self._weights * values.reshape(1, -1)).flatten()
        at = torch.zeros(self._size + 1, dtype=values.dtype, device=values.device)
        at.index_add_(
            0, self._places.flatten(), spread
        )  # the last one stands for vertices that no point touches
        for before, after in self._neighbors:
            at[:-1] += 0.5 * (at[before] + at[after])
        return (self._weights * at[self._places]).sum(0).view_as(values)


def enclosing_simplex(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The simplex around each point, as `maskgen.methods.filters.lattice.enclosing_simplex` has it.

    Args:
        points: (d, N) float32.

    Returns:
        (d + 1, N) each: the remainder-0 corner in multiples of d + 1, the rank of each coordinate's offset
        from it, and the offsets as fractions of d + 1.
    """
    dimensions = len(points)
    basis = torch.zeros(dimensions + 1, dimensions, dtype=points.dtype, device=points.device)
    for axis in range(dimensions):  # orthonormal vectors of the plane
        scale = math.sqrt(2 / 3 / ((axis + 1) * (axis + 2)))
        basis[: axis + 1, axis], basis[axis + 1, axis] = scale, -(axis + 1) * scale
    lifted = basis @ points
    corner = torch.round(lifted)
    offset = lifted - corner
    order = torch.argsort(offset, dim=0, descending=True, stable=True)
    rank = torch.argsort(order, dim=0)
    rank += corner.sum(0).long()  # rounding left the plane: turn the ranks until it is reached
    step = (rank < 0).long() - (rank > dimensions).long()
    return corner.long() + step, rank + (dimensions + 1) * step, offset - step


def _barycentric(offset: Tensor) -> Tensor:
    """Weights of the corners of each point's simplex, (d + 1, N) >= 0 with sum 1."""
    ascending = offset.sort(0).values
    return torch.cat([1 + ascending[:1] - ascending[-1:], ascending.diff(dim=0)])


def _vertex_keys(corner: Tensor, rank: Tensor, images: Tensor) -> tuple[Tensor, list[int]]:
    """One number for each corner of each simplex of each image, (d + 1, N).

    Beside them, what one step along a coordinate adds to a number.
    """
    dimensions = len(corner) - 1
    spread = (dimensions + 1) * corner[:dimensions]
    margin = 2 * (dimensions + 1)
    low = spread.amin(1) - margin
    spans = [int(span) + 1 for span in spread.amax(1) + margin - low]
    strides = [math.prod(spans[:axis]) for axis in range(dimensions + 1)]
    if strides[-1] * (int(images[-1]) + 1) > LARGEST_KEY:
        raise ValueError(f"points spread over {spans} cells; use a larger sigma or fewer images at once")
    keys = [images * strides[-1]]
    for axis in range(dimensions):
        keys[0] = keys[0] + strides[axis] * (spread[axis] - low[axis])
    stride_of = torch.tensor([*strides[:-1], 0], device=rank.device)
    at_rank = stride_of[torch.argsort(rank, dim=0)]  # the stride of the coordinate that has each rank
    for k in range(1, dimensions + 1):
        # corner k: one more everywhere, d + 1 less where the rank is d + 1 - k
        keys.append(keys[-1] + sum(strides[:-1]) - (dimensions + 1) * at_rank[dimensions + 1 - k])
    return torch.stack(keys), strides[:-1]


def _link_vertices(vertices: Tensor, step: int) -> Tensor:
    """Index of the vertex `step` away from each; len(vertices) where there is none."""
    wanted = vertices + step
    place = torch.searchsorted(vertices, wanted).clamp_max(len(vertices) - 1)
    return torch.where(vertices[place] == wanted, place, len(vertices))
