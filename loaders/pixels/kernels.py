"""The steps of a view on a CPU: cv2, and torch's antialiased resize of uint8.

They give up Python's lock while they work. `tests/oracle/views.py` has the same steps written for clearness;
the measured differences stand with each function.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from maskgen.shards.patch import paste_background
from maskgen.types import Box

Picture = NDArray[np.uint8]

_resize: Any = torch.ops.aten._upsample_bilinear2d_aa.out


def cut(photo: Picture, roi: Sequence[float], size: int) -> Picture:
    """A crop of a photo, resized with an antialiasing triangle filter.

    The filter of Pillow's, torchvision's and DALI's antialiased linear resize. It reads nothing outside the
    crop, as torchvision, where DALI reads the photo's pixels around it: in the 2 px along the border of a
    view its values may differ from DALI's, elsewhere by at most 1.

    Args:
        photo: (H, W, 3) uint8 RGB.
        roi: (y0, x0, y1, x1) relative to the photo, rounded to whole pixels of it; x0 > x1 flips the view.
        size: side of the result, px.

    Returns:
        (size, size, 3) uint8, contiguous.
    """
    box = crop_box(photo, roi)
    return resize(photo[box.y0 : box.y1, box.x0 : box.x1], size, flip=roi[1] > roi[3])


def crop_box(photo: Picture, roi: Sequence[float]) -> Box:
    """What `cut` reads of a photo: a region of interest in whole pixels, at least one of them.

    Example:
        >>> crop_box(np.zeros((40, 60, 3), np.uint8), (0.25, 1.0, 0.75, 0.5))
        Box(y0=10, x0=30, y1=30, x1=60)
    """
    height, width = photo.shape[:2]
    left, right = sorted((roi[1], roi[3]))
    (y0, y1), (x0, x1) = _pixels(roi[0], roi[2], height), _pixels(left, right, width)
    return Box(y0, x0, y1, x1)


def resize(crop: Picture, size: int, *, flip: bool = False) -> Picture:
    """An (h, w, 3) uint8 crop as (size, size, 3) by the filter of `cut`; `flip`: left to right."""
    view = np.empty((size, size, 3), np.uint8)
    # Into an interleaved buffer: by itself the operator gives planes, and turning them costs as much again.
    given, made = torch.from_numpy(crop), torch.from_numpy(view)
    _resize(_planes(given), [size, size], False, None, None, out=_planes(made))
    return np.asarray(cv2.flip(view, 1), np.uint8) if flip else view


def _planes(picture: torch.Tensor) -> torch.Tensor:
    """An (H, W, 3) tensor seen as (1, 3, H, W)."""
    return picture.permute(2, 0, 1)[None]


def _pixels(low: float, high: float, length: int) -> tuple[int, int]:
    """At least one pixel of `length`."""
    first = min(round(low * length), length - 1)
    return first, max(round(high * length), first + 1)


def cut_mask(mask: Picture, roi: Sequence[float], size: int) -> Picture:
    """The same crop of an (h, w) uint8 soft mask that shows the whole photo: (size, size) uint8.

    Bilinear at exact fractions of a pixel, without antialiasing: most views enlarge the 128 x 128 mask.
    """
    columns = _places(roi[1], roi[3], mask.shape[1], size)
    rows = _places(roi[0], roi[2], mask.shape[0], size)
    across = _between(cv2.transpose(mask).astype(np.float32), *columns)
    return np.asarray(cv2.convertScaleAbs(_between(cv2.transpose(across), *rows)), np.uint8)


def _places(low: float, high: float, length: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Where `size` pixels over a part of `length` lines lie: the line before, and (size, 1) the way on."""
    step = (high - low) * length / size
    places = (low * length + step / 2 - 0.5 + step * np.arange(size)).clip(0, length - 1)
    first = places.astype(np.intp)
    return first, (places - first).astype(np.float32)[:, None]


def _between(lines: Any, first: NDArray[np.intp], on: NDArray[np.float32]) -> Any:
    """(size, w) float32 between each `first` of (n, w) lines and the next, in less time than a warp."""
    found = lines.take(np.minimum(first + 1, len(lines) - 1), axis=0)
    before = lines.take(first, axis=0)
    found -= before
    found *= on
    found += before
    return found


def keep_inside(mask: Picture, box: Sequence[float]) -> Picture:
    """A copy of an (S, S) mask that is 0 outside of `box`, (y0, x0, y1, x1) px.

    Example:
        >>> keep_inside(np.full((2, 3), 255, np.uint8), [0, 1, 1, 3]).tolist()
        [[0, 255, 255], [0, 0, 0]]
    """
    y0, x0, y1, x1 = (int(edge) for edge in box)
    kept = np.zeros_like(mask)
    kept[y0:y1, x0:x1] = mask[y0:y1, x0:x1]
    return kept


def pixel_box(photo: Picture, place: Sequence[float]) -> Box:
    """A (y0, x0, y1, x1) relative to a photo, in its pixels."""
    height, width = photo.shape[:2]
    return Box(
        round(place[0] * height), round(place[1] * width), round(place[2] * height), round(place[3] * width)
    )


def paste(photo: Picture, patch: Picture, place: Sequence[float]) -> Picture:
    """A copy of an (H, W, 3) photo with a patch over the box `place`, (y0, x0, y1, x1) relative to it."""
    return paste_background(photo, patch, pixel_box(photo, place))


def photometric(
    picture: Picture, matrix: NDArray[np.float32] | None, sigma: float, solarize: float, threshold: int
) -> Picture:
    """Color, blur and solarize a (S, S, 3) uint8 picture; each step rounds and cuts to 0..255.

    Args:
        picture: not changed, and given back where nothing is to be done.
        matrix: (3, 4) float32, see `draws.color_matrix`; None: keep the colors.
        sigma: of the blur, px; 0: none.
        solarize: not 0: invert values from `threshold` on.
        threshold: 0..256.
    """
    if matrix is not None:
        picture = np.asarray(cv2.transform(picture, matrix), np.uint8)
    if sigma > 0:
        picture = blur(picture, sigma)
    if solarize:
        picture = np.asarray(cv2.LUT(picture, _solarizing(threshold)), np.uint8)
    return picture


def blur(picture: Picture, sigma: float) -> Picture:
    """Gaussian blur, window 2 ⌈3σ⌉ + 1 px, mirrored at the border; within 1 of `fn.gaussian_blur`."""
    window = gaussian(sigma)
    blurred = cv2.sepFilter2D(picture, cv2.CV_8U, window, window, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, np.uint8)


@lru_cache(maxsize=4096)
def gaussian(sigma: float) -> NDArray[np.float32]:
    """(2 ⌈3σ⌉ + 1,) float32 samples of the normal law, which sum to 1."""
    steps = np.arange(-ceil(3 * sigma), ceil(3 * sigma) + 1)
    density = np.exp(-(steps**2) / (2 * sigma * sigma))
    return np.asarray(density / density.sum(), np.float32)


@lru_cache(maxsize=64)
def _solarizing(threshold: int) -> Picture:
    levels = np.arange(256, dtype=np.uint8)
    return np.where(levels >= threshold, 255 - levels, levels).astype(np.uint8)


def hard(soft: Picture, level: int) -> Picture:
    """255 where a soft mask is at least `level`, else 0."""
    return np.asarray(cv2.threshold(soft, level - 1, 255, cv2.THRESH_BINARY)[1], np.uint8)


def compose(picture: Picture, background: Picture, mask: Picture) -> Picture:
    """The picture where the mask is not 0, else the background, which is overwritten."""
    return np.asarray(cv2.copyTo(picture, mask, background), np.uint8)


def blend(picture: Picture, background: Picture, soft: Picture, level: int, softness: float) -> Picture:
    """The picture faded into the background over mask values within softness / 2 of the threshold."""
    share = np.clip((soft.astype(np.float32) - level) / (255 * softness) + 0.5, 0, 1)[..., None]
    return np.asarray(np.rint(picture * share + background * (1 - share)), np.uint8)
