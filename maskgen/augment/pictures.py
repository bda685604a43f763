"""Photos and masks of any library as the arrays that draws and pixels are made from."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskgen.loaders.reading.buffers import Small

from ..errors import UsageError
from ..shards import coverage
from ..shards.meta import META, UNKNOWN
from ..shards.sample import hard_mask

if TYPE_CHECKING:
    from PIL.Image import Image

Picture: TypeAlias = Union[NDArray[np.uint8], Tensor, "Image"]
"""A photo: (H, W, 3) uint8 RGB, a (3, H, W) uint8 tensor, or Pillow's image."""
Mask: TypeAlias = NDArray[Any] | Tensor
"""A mask, (H, W) or (1, H, W): bool, uint8 0..255, or float in [0, 1]."""

_EMPTY = np.zeros(0, np.int64)
_HARD_SHARE = 0.1
"""Share of ones from which on a mask of 0 and 1 cannot be a soft one: crops of soft masks whose largest value
is 1 hold 7 % of them at most (24,000 random crops of masks of `fast`)."""


def as_photo(picture: Picture, what: str = "a photo") -> NDArray[np.uint8]:
    """A picture as (H, W, 3) uint8 RGB.

    Args:
        picture: see `Picture`; an image of Pillow may have any mode.
        what: it is, for the message.

    Raises:
        UsageError: it is of another shape or type.
    """
    given: Any = picture
    if isinstance(given, Tensor):
        array: Any = given.detach().cpu().movedim(0, -1).numpy() if given.ndim == 3 else given.numpy()
    else:
        array = np.asarray(given.convert("RGB") if hasattr(given, "convert") else given)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise UsageError(
            f"{what} is {array.dtype} of shape {tuple(getattr(given, 'shape', array.shape))}",
            cause="pictures are uint8 RGB: arrays (H, W, 3), tensors (3, H, W), or Pillow's images",
            remedy="image.convert('RGB'), or torchvision's to_dtype(torch.uint8, scale=True)",
        )
    return _own(array)


def as_mask(mask: Mask) -> NDArray[np.uint8]:
    """A mask as (H, W) uint8, 0..255.

    Args:
        mask: see `Mask`.

    Raises:
        UsageError: it is of another shape, type or range, or of whole numbers 0 and 1, see `levels`.
    """
    array: Any = mask.detach().cpu().numpy() if isinstance(mask, Tensor) else np.asarray(mask)
    if array.ndim == 3 and len(array) == 1:
        array = array[0]
    if array.ndim != 2 or not array.size:
        raise UsageError(f"a mask has the shape {array.shape}", remedy="(H, W) or (1, H, W)")
    return levels(torch.from_numpy(_own(array))).numpy()


def levels(mask: Tensor) -> Tensor:
    """A mask of any shape as uint8 0..255, on its device.

    A uint8 mask whose largest value is 1 may be a hard one of 0 and 1, or what a crop shows of a soft one
    beside its object. With many ones it is refused; with few it is taken for soft, with a warning.

    Args:
        mask: bool, uint8 0..255, or float in [0, 1].

    Raises:
        UsageError: another type or range, or whole numbers 0 and 1.
    """
    if mask.dtype == torch.bool:
        return mask.to(torch.uint8) * 255
    if mask.dtype == torch.uint8:
        if mask.numel() and int(mask.max()) == 1:
            _check_ones(mask)
        return mask
    if not mask.dtype.is_floating_point:
        raise UsageError(f"a mask is {mask.dtype}", remedy="bool, uint8 0..255, or float in [0, 1]")
    if mask.numel() and not (float(mask.min()) >= 0 and float(mask.max()) <= 1):
        raise UsageError(
            f"a mask's values reach from {float(mask.min()):g} to {float(mask.max()):g}",
            remedy="float masks lie in [0, 1]; mask / 255 of levels",
        )
    return (mask * 255).round().to(torch.uint8)


def _check_ones(mask: Tensor) -> None:
    """Refuse a uint8 mask of 0 and 1 that is a hard one, and warn of one that may be."""
    if float(mask.float().mean()) >= _HARD_SHARE:
        raise UsageError(
            "a uint8 mask has no value above 1",
            cause="uint8 masks are soft, 0..255, in which 1 is next to nothing",
            remedy="mask.bool() of a mask of 0 and 1",
        )
    warnings.warn(
        "a uint8 mask has no value above 1: it is taken for a soft one that shows no foreground here; "
        "of a hard one give mask.bool()",
        stacklevel=3,
    )


def small_masks(
    masks: Sequence[NDArray[np.uint8]],
    sizes: Sequence[tuple[int, int]],
    level: int,
    labels: Sequence[int] | NDArray[np.integer[Any]] = _EMPTY,
) -> Small:
    """What the draws need of B masks, as shards store it.

    Args:
        masks: (h, w) uint8 soft masks of whole photos, at the photos' sizes or smaller.
        sizes: (height, width) of the photos, px.
        level: smallest mask value that counts as foreground, 1..255.
        labels: of the photos, class indices; none: -1.

    Raises:
        UsageError: a mask has not its photo's aspect ratio.
    """
    sat = np.zeros((len(masks), coverage.GRID + 1, coverage.GRID + 1), np.uint16)
    fg = np.zeros((len(masks), coverage.FG_SIDE, coverage.FG_SIDE), np.uint8)
    meta = np.zeros(len(masks), META)
    meta["label"], meta["confidence_ppm"] = -1, UNKNOWN
    meta["size"] = np.reshape(sizes, (-1, 2))
    meta["bg_box"][:, 2:] = meta["size"]
    if len(labels):
        meta["label"] = labels
    for row, (mask, size) in enumerate(zip(masks, sizes, strict=True)):
        _check_shape(mask, size)
        hard = hard_mask(mask, level, size)
        sat[row], fg[row] = coverage.summed_area_table(hard), coverage.small_mask(mask)
        meta["fg_box"][row] = coverage.foreground_box(hard)
        meta["fg_area_ppm"][row] = round(coverage.foreground_share(hard) * 1e6)
    return Small(sat, fg, meta)


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """Memory that may be written, which torch wants and Pillow does not give away."""
    return np.require(array, requirements=["C", "W"])


def _check_shape(mask: NDArray[np.uint8], size: tuple[int, int]) -> None:
    """Refuse a mask that cannot be its photo's, made smaller and rounded to whole pixels."""
    height, width = mask.shape
    if abs(height * size[1] - width * size[0]) > max(size):
        raise UsageError(
            f"a mask of {height} x {width} px does not fit its photo of {size[0]} x {size[1]} px",
            cause="masks show the whole photo, at its size or smaller",
            remedy="check the order of photos and masks, and whether one is turned",
        )
