"""Objects pasted onto other photos' backgrounds while training.

The labels of such a view are right where its own label was.

Dwibedi et al., "Cut, paste and learn", ICCV 2017, without labels: an object is what most of the label maps
mark, and only photos on which they agree give theirs. It is the idea of background augmentations (Ryali et
al., 2021) turned on the masks' own network.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from maskgen.backgrounds.telea import telea

from .views import draw_views

LEAST_SHARE, MOST_SHARE = 0.02, 0.7
"""Of the view that an object covers which is pasted."""
MOST_DISPUTED = 0.06
"""Share of the pixels, mean over the label maps, in which they may differ from their majority."""
MOST_REMOVED = 0.35
"""Of a photo whose object is removed to give a background; what is inpainted shows nothing."""
LEAST_SCALE, MOST_SCALE = 0.5, 1.5
MOST_SIDE = 0.95
"""Of the view that a pasted object's box may take."""


class Pasting:
    """Photos without their objects, and the act of pasting.

    Args:
        photos: (N, S, S, 3) uint8 RGB.
        labels: each (N, S, S) uint8.
        thresholds: of each label map, in [0, 1].
    """

    def __init__(
        self, photos: NDArray[np.uint8], labels: tuple[NDArray[np.uint8], ...], thresholds: tuple[float, ...]
    ) -> None:
        self._thresholds = thresholds
        levels = [255 * threshold for threshold in thresholds]
        empty = []
        for row, photo in enumerate(photos):
            votes = np.mean([maps[row] > level for maps, level in zip(labels, levels, strict=True)], axis=0)
            if (votes > 0.5).mean() < MOST_REMOVED:
                empty.append(telea(np.ascontiguousarray(photo), votes > 0).image)
        self._backgrounds = np.stack(empty) if empty else np.zeros((0, *photos.shape[1:]), np.uint8)

    def apply(
        self,
        photos: Tensor,
        labels: Tensor,
        draws: torch.Generator,
        *,
        share: float,
        crop: float,
        color: float,
    ) -> tuple[Tensor, Tensor]:
        """Replace some of the photos by their object elsewhere, at another size, before another background.

        Args:
            photos: (B, 3, S, S) float in [0, 255].
            labels: (B, L, S, S) float in [0, 1].
            draws: where the random numbers come from; as many are drawn whatever the photos are.
            share: chance of each photo.
            crop: least side of the background's crop, see `draw_views`.
            color: largest change of the background's colors, see `draw_views`.

        Returns:
            Photos and labels of the same shapes; all label maps of a pasted view are the pasted object, 0 or
            1.
        """
        count = len(photos)
        chosen = torch.rand(count, generator=draws) < share
        places = torch.rand(count, 5, generator=draws).to(photos.device)
        rows = torch.randint(max(1, len(self._backgrounds)), (count,), generator=draws).numpy()
        views = draw_views(count, draws, flip=True, crop=crop, color=color)
        objects, usable = self._objects(labels)
        chosen = chosen.to(photos.device) & usable
        if not len(self._backgrounds) or not bool(chosen.any()):
            return photos, labels
        behind = torch.from_numpy(self._backgrounds[rows]).to(photos.device).permute(0, 3, 1, 2).float()
        behind, _ = views.apply(behind, behind[:, :1], photos.shape[-1])
        soft = functional.avg_pool2d(objects[:, None], 3, 1, 1)
        moved = functional.grid_sample(
            torch.cat([photos, soft], 1), _grid(objects, places), mode="bilinear", align_corners=False
        )
        alpha = moved[:, 3:]
        pasted = alpha * moved[:, :3] + (1 - alpha) * behind
        mask = (alpha > 0.5).to(labels.dtype).expand_as(labels)
        flag = chosen.view(-1, 1, 1, 1)
        return torch.where(flag, pasted, photos), torch.where(flag, mask, labels)

    def _objects(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, S) what most labels mark, 0 or 1; (B,) whether it is a view's one, undisputed object."""
        levels = torch.tensor(self._thresholds, device=labels.device).view(1, -1, 1, 1)
        marked = (labels > levels).float()
        objects = (marked.mean(1) > 0.5).float()
        disputed = (marked - objects[:, None]).abs().mean((1, 2, 3))
        share = objects.mean((1, 2))
        usable = (share >= LEAST_SHARE) & (share <= MOST_SHARE) & (disputed <= MOST_DISPUTED)
        return objects, usable


def _grid(objects: Tensor, places: Tensor) -> Tensor:
    """Where each pixel of the new view looks in the old one.

    The object's box at another size, somewhere inside the view.

    Args:
        objects: (B, S, S) 0 or 1.
        places: (B, 5) draws in [0, 1]: of the size, and two each of x and y, so that the middle is likelier.
    """
    lows, highs = zip(*(_span(objects.amax(axis)) for axis in (1, 2)), strict=True)  # x, then y
    low, high = torch.stack(lows, 1), torch.stack(highs, 1)
    sides = (high - low).clamp_min(1e-3)  # in units of the view's 2
    most = (2 * MOST_SIDE / sides.amax(1)).clamp_max(MOST_SCALE)
    least = most.clamp_max(LEAST_SCALE)
    scale = least + (most - least) * places[:, 0]
    room = 1 - scale[:, None] * sides / 2
    center = room * (places[:, 1:3] + places[:, 3:5] - 1)
    zero = torch.zeros_like(scale)
    offset = (low + high) / 2 - center / scale[:, None]
    across = torch.stack([1 / scale, zero, offset[:, 0]], 1)
    down = torch.stack([zero, 1 / scale, offset[:, 1]], 1)
    shape = [len(objects), 1, *objects.shape[1:]]
    return functional.affine_grid(torch.stack([across, down], 1), shape, align_corners=False)


def _span(marked: Tensor) -> tuple[Tensor, Tensor]:
    """First and last edge, in [-1, 1], of what is marked in each row of (B, S).

    The whole row where nothing is.
    """
    side = marked.shape[1]
    index = torch.arange(side, device=marked.device)
    any_ = marked.amax(1) > 0
    first = torch.where(marked > 0, index, side).amin(1)
    last = torch.where(marked > 0, index, -1).amax(1) + 1
    low = torch.where(any_, first / side * 2 - 1, -1.0)
    high = torch.where(any_, last / side * 2 - 1, 1.0)
    return low, high
