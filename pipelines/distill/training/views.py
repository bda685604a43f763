"""Views of photos and their labels while training: mirrored, cropped, with other colors.

Drawn on the CPU, made on the device.

The released code of DeepUSPS trains on unchanged photos, from a backbone that has seen many; a network that
starts from random weights and a few hundred photos needs them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Views:
    """How each photo of a batch is shown.

    Args:
        mirrored: (B,) bool.
        boxes: (B, 3) float: center x and y in [-1, 1] and side as a share of the photo's.
        colors: (B, 6) float: factors of brightness, contrast, saturation and of red, green and blue; empty:
            unchanged.
    """

    mirrored: Tensor
    boxes: Tensor
    colors: Tensor

    def apply(self, photos: Tensor, labels: Tensor, side: int = 0) -> tuple[Tensor, Tensor]:
        """(B, 3, S, S) float photos in [0, 255] and (B, L, S, S) labels in [0, 1], as shown.

        Args:
            photos: of the batch.
            labels: of the batch.
            side: of the views, px; 0: S.
        """
        side = side or photos.shape[-1]
        if bool((self.boxes[:, 2] < 1).any()) or side != photos.shape[-1]:
            both = functional.grid_sample(
                torch.cat([photos, labels], 1),
                self._grid(photos, side),
                mode="bilinear",
                padding_mode="border",
                align_corners=False,
            )
            photos, labels = both[:, :3], both[:, 3:]
        elif bool(self.mirrored.any()):
            photos, labels = self.undo(photos), self.undo(labels)
        return (recolor(photos, self.colors.to(photos.device)) if len(self.colors) else photos), labels

    def undo(self, maps: Tensor) -> Tensor:
        """(B, ..., S, S) mirrored back; crops stay."""
        flag = self.mirrored.to(maps.device).view(-1, *[1] * (maps.ndim - 1))
        return torch.where(flag, maps.flip(-1), maps)

    def _grid(self, photos: Tensor, pixels: int) -> Tensor:
        side = self.boxes[:, 2]
        across = torch.where(self.mirrored, -side, side)
        zero = torch.zeros_like(side)
        rows = (
            torch.stack([across, zero, self.boxes[:, 0]], 1),
            torch.stack([zero, side, self.boxes[:, 1]], 1),
        )
        matrix = torch.stack(rows, 1).to(photos.device)
        return functional.affine_grid(matrix, [len(photos), 1, pixels, pixels], align_corners=False)


def draw_views(count: int, draws: torch.Generator, *, flip: bool, crop: float, color: float) -> Views:
    """Views of `count` photos.

    Args:
        count: of photos.
        draws: where the random numbers come from.
        flip: mirror each with probability 1/2.
        crop: least side of a crop, as a share of the photo's; 1: none.
        color: largest change of brightness, contrast and saturation, as a share; a third of it for each of
            red, green and blue; 0: none.
    """
    mirrored = torch.rand(count, generator=draws) < 0.5 if flip else torch.zeros(count, dtype=torch.bool)
    boxes = torch.tensor([0.0, 0.0, 1.0]).repeat(count, 1)
    if crop < 1:
        side = crop + (1 - crop) * torch.rand(count, generator=draws)
        center = (2 * torch.rand(count, 2, generator=draws) - 1) * (1 - side[:, None])
        boxes = torch.cat([center, side[:, None]], 1)
    colors = torch.empty(0, 6)
    if color:
        reach = color * torch.tensor([1.0, 1.0, 1.0, 1 / 3, 1 / 3, 1 / 3])
        colors = 1 + reach * (2 * torch.rand(count, 6, generator=draws) - 1)
    return Views(mirrored, boxes, colors)


def recolor(photos: Tensor, colors: Tensor) -> Tensor:
    """(B, 3, S, S) photos in [0, 255] with other colors, clipped to that range.

    Args:
        photos: float.
        colors: (B, 6) factors, see `Views`.
    """
    brightness, contrast, saturation = (colors[:, i].view(-1, 1, 1, 1) for i in range(3))
    x = photos * brightness * colors[:, 3:, None, None]
    gray = x.mean(1, keepdim=True)
    x = gray + saturation * (x - gray)
    mean = x.mean((1, 2, 3), keepdim=True)
    return (mean + contrast * (x - mean)).clamp(0, 255)
