"""The pixels of one view, step by step, in torch and torchvision: what both loaders are held against.

Pictures are (3, H, W) uint8 RGB tensors, masks (1, H, W) uint8; each step rounds its result to uint8 as
DALI's operators do. Importing this module imports torch and torchvision.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as tv2

from maskgen.loaders.pixels.auto_augment import auto_augment
from maskgen.loaders.recipes.parts import IMAGENET_MEAN, Photometric
from maskgen.loaders.recipes.spec import View
from maskgen.loaders.sampling.photometric import color_matrix
from maskgen.loaders.sampling.view_draws import DONOR, GRAY, ViewDraws


def cut(
    picture: Tensor, box: NDArray[np.float32], size: int, *, flip: bool = False, beyond: bool = False
) -> Tensor:
    """A box of a picture as a square, by antialiased bilinear interpolation in float, rounded once.

    Args:
        picture: (C, H, W) uint8.
        box: (4,) (y0, x0, height, width) relative to the picture.
        size: side of the result, px.
        flip: left to right.
        beyond: take the box as it is, let the interpolation reach into the picture around it and repeat the
            picture's border, as `nvidia.dali.fn.resize` does with a region; else round the box to whole
            pixels, cut it out and resize it, as torchvision's RandomResizedCrop.

    Returns:
        (C, size, size) uint8.
    """
    _, height, width = picture.shape
    y0, x0, tall, wide = (float(v) for v in box)
    if beyond:
        row_weights = _weights(height, y0 * height, tall * height, size)
        column_weights = _weights(width, x0 * width, wide * width, size)
        square = row_weights @ (picture.float() @ column_weights.T)
    else:
        inside = picture[:, _pixels(y0, tall, height), _pixels(x0, wide, width)]
        square = tv2.resize(inside.float(), [size, size], antialias=True)
    return to_uint8(square.flip(-1) if flip else square)


def _pixels(start: float, extent: float, length: int) -> slice:
    """A part of 0..1 in whole pixels of `length`, at least one."""
    first = min(round(start * length), length - 1)
    return slice(first, max(round((start + extent) * length), first + 1))


def _weights(length: int, start: float, extent: float, size: int) -> Tensor:
    """(size, length) weights of the input pixels in `size` results; the rows sum to one.

    Triangles, one pixel wide on each side where the picture grows and as wide as the scale where it shrinks.
    """
    scale = extent / size
    reach = max(1.0, scale)
    center = start + (np.arange(size) + 0.5) * scale
    taps = np.arange(int(np.floor(center[0] - reach)), int(np.ceil(center[-1] + reach)) + 1)
    weights = np.maximum(0, 1 - np.abs(taps + 0.5 - center[:, None]) / reach)
    weights /= weights.sum(axis=1, keepdims=True)
    folded = np.zeros((length, size))
    np.add.at(folded, np.clip(taps, 0, length - 1), weights.T)  # at a border several taps fall on one pixel
    return torch.from_numpy(folded.T.astype(np.float32))


def to_uint8(values: Tensor) -> Tensor:
    """Float values 0..255 rounded and cut to uint8."""
    return values.round().clamp(0, 255).to(torch.uint8)


def recolor(view: Tensor, color: NDArray[np.float32]) -> Tensor:
    """Brightness, contrast, saturation and hue, (4,) float32, in one map and one rounding."""
    matrix = torch.from_numpy(color_matrix(color[None])[0])
    return to_uint8(torch.einsum("ij,jhw->ihw", matrix[:, :3], view.float()) + matrix[:, 3, None, None])


def blur(view: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with DALI's window of 2 ⌈3σ⌉ + 1 px, mirrored at the border."""
    reach = ceil(3 * sigma)
    if not reach:
        return view
    offset = torch.arange(-reach, reach + 1, dtype=torch.float64)
    window = torch.exp(-(offset**2) / (2 * sigma**2))
    window = (window / window.sum()).float()
    values = torch.nn.functional.pad(view.float()[:, None], (reach,) * 4, mode="reflect")
    values = torch.nn.functional.conv2d(values, window[None, None, :, None])
    return to_uint8(torch.nn.functional.conv2d(values, window[None, None, None])[:, 0])


def photometric(view: Tensor, chain: Photometric, draws: ViewDraws, row: int) -> Tensor:
    """The photometric chain of one row: color, blur, solarize, or AutoAugment."""
    if draws.policy[row] >= 0:
        image = auto_augment(to_numpy(view), int(draws.policy[row]), draws.policy_u[row])
        return from_numpy(image)
    return _chain(view, chain, draws, row, "")


def _chain(view: Tensor, chain: Photometric, draws: ViewDraws, row: int, prefix: str) -> Tensor:
    color, order, gray, sigma, invert = (
        getattr(draws, f"{prefix}{name}")[row]
        for name in ("color", "order", "grayscale", "sigma", "solarize")
    )
    if chain.jitter_mode == "torchvision":
        for step in order.tolist():
            view = _STEPS[step](view, float(color[step]) / (360 if step == 3 else 1))
        view = tv2.rgb_to_grayscale(view, 3) if gray else view
    elif (color != (1, 1, 1, 0)).any():
        view = recolor(view, color)
    if sigma > 0:
        view = blur(view, float(sigma))
    return tv2.solarize(view, float(chain.solarize_threshold)) if invert else view


_STEPS = (tv2.adjust_brightness, tv2.adjust_contrast, tv2.adjust_saturation, tv2.adjust_hue)


def composite(view: Tensor, behind: Tensor, mask: Tensor, level: int, softness: float) -> Tensor:
    """A view in front of another picture.

    Args:
        view: (3, S, S) uint8.
        behind: (3, S, S) uint8.
        mask: (1, S, S) uint8, soft.
        level: smallest mask value that counts as foreground, 1..255.
        softness: width of the blended edge around `level`, in mask values from 0 to 1; 0 cuts hard.
    """
    if not softness:
        return torch.where(mask >= level, view, behind)
    share = ((mask.float() - level) / (255 * softness) + 0.5).clamp(0, 1)
    return to_uint8(view.float() * share + behind.float() * (1 - share))


def on_mean(view: Tensor, mask: Tensor, level: int) -> Tensor:
    """The view with its background at ImageNet's mean color, cut hard."""
    mean = torch.tensor(IMAGENET_MEAN, dtype=torch.uint8)[:, None, None]
    return torch.where(mask >= level, view, mean)


def hard(mask: Tensor, level: int) -> Tensor:
    """255 where a (1, S, S) mask counts as foreground, else 0."""
    return (mask >= level).to(torch.uint8) * 255


def shown_too(view: NDArray[np.float32], flip: bool, other: NDArray[np.float32], size: int) -> Tensor:
    """(1, size, size) which pixels of a view have their centers inside another crop."""
    (y0, x0, tall, wide), (top, left, high, broad) = view.tolist(), other.tolist()
    centers = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    y, x = y0 + centers * tall - top, x0 + (1 - centers if flip else centers) * wide - left
    down, across = (y >= -1e-6) & (y < high - 1e-6), (x >= -1e-6) & (x < broad - 1e-6)
    return (down[:, None] & across)[None]


def shrunk(mask: Tensor, side: int) -> Tensor:
    """A hard (1, S, S) mask as (side, side) float32 in [0, 1], the mean over each cell."""
    fine = mask[0].float().repeat_interleave(side, 0).repeat_interleave(side, 1) / 255
    return fine.unflatten(0, (side, -1)).unflatten(2, (side, -1)).mean(dim=(1, 3))


def from_numpy(image: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) as (3, H, W), a copy."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def to_numpy(picture: Tensor) -> NDArray[np.uint8]:
    """(3, H, W) as (H, W, 3)."""
    return np.ascontiguousarray(picture.numpy().transpose(1, 2, 0))


class Sources(NamedTuple):
    """What a view is made from.

    Args:
        photo: (3, H, W) uint8.
        mask: (1, 128, 128) uint8, its soft mask; None when the recipe needs none.
        background: (3, h, w) uint8, the background picture of row `ViewDraws.donor`, where kind is 2.
    """

    photo: Tensor
    mask: Tensor | None = None
    background: Tensor | None = None


class Made(NamedTuple):
    """A view and its extra outputs, None where the view does not ask for them.

    Args:
        view: (3, S, S) uint8.
        mask: (1, S, S) uint8, 255 or 0.
        cam_mask: (k, k) float32 in [0, 1].
        weak: (3, S, S) uint8.
        masked: (3, S, S) uint8.
        kept: (3, S, S) uint8.
        soft: (1, S, S) uint8, the view's soft mask where one was cut.
    """

    view: Tensor
    mask: Tensor | None
    cam_mask: Tensor | None
    weak: Tensor | None
    masked: Tensor | None
    kept: Tensor | None
    soft: Tensor | None


def make_view(
    view: View,
    draws: ViewDraws,
    row: int,
    sources: Sources,
    level: int,
    *,
    beyond: bool = False,
    within: NDArray[np.float32] | None = None,
    color: tuple[float, float, float] | None = None,
) -> Made:
    """One view of one row, in the order that `loaders.views` gives.

    Args:
        view: what to make.
        draws: of this view.
        row: of `draws`.
        sources: the pictures; for the extra negative those of row `BatchDraws.negative_source`.
        level: smallest mask value that counts as foreground, 1..255.
        beyond: how photos and backgrounds are cut, see `cut`; masks are always cut as with True.
        within: (4,) the crop of view `View.masks_within` of this row.
        color: (R, G, B) in [0, 1] of backgrounds of one color, in the place of gray levels.
    """
    box, flip = draws.box[row], bool(draws.flip[row])
    weak = cut(sources.photo, box, view.size, flip=flip, beyond=beyond)
    mask = None
    if sources.mask is not None:
        mask = cut(sources.mask, box, view.size, flip=flip, beyond=True)
    behind = _behind(view, draws, row, sources.background, beyond=beyond)
    if color is not None and draws.kind[row] == GRAY:
        behind = to_uint8(255 * torch.tensor(color))[:, None, None].expand(3, view.size, view.size)
    law, made = view.background, weak
    if behind is not None and mask is not None and law.place == "before":
        made = composite(made, behind, mask, level, law.softness)
    made = kept = photometric(made, view.photometric, draws, row)
    if view.kept and law.place == "before":
        kept = photometric(weak, view.photometric, draws, row)
    if behind is not None and mask is not None and law.place == "after":
        made = composite(made, behind, mask, level, law.softness)
    whole = mask
    if mask is not None and within is not None and view.masks_within is not None:
        mask = mask * shown_too(box, flip, within, view.size)
    shown = None if mask is None else hard(mask, level)
    return Made(
        made,
        shown if view.masks else None,
        shrunk(shown, view.cam_masks) if shown is not None and view.cam_masks else None,
        weak if view.weak else None,
        on_mean(made, mask, level) if mask is not None and view.masked else None,
        kept if view.kept else None,
        whole,
    )


def _behind(view: View, draws: ViewDraws, row: int, picture: Tensor | None, *, beyond: bool) -> Tensor | None:
    """The (3, S, S) background that a row gets, cut, flipped and colored; None where it keeps its own."""
    if draws.kind[row] == GRAY:
        return torch.full((3, view.size, view.size), int(draws.gray[row]), dtype=torch.uint8)
    if draws.kind[row] != DONOR or picture is None:
        return None
    own = cut(picture, draws.bg_box[row], view.size, flip=bool(draws.bg_flip[row]), beyond=beyond)
    return _chain(own, view.photometric, draws, row, "bg_")
