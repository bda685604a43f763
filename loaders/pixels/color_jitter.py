"""torchvision's ColorJitter on a CPU: four steps in any order, each with torchvision's arithmetic.

The steps are those of `torchvision.transforms.v2.functional` for uint8 tensors, level by level: the factors
of a blend are multiplied and added in one rounding, results are cut to 0..255 and lose their fraction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from .kernels import Picture

Floats = NDArray[np.float32]

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
_SAME = (1.0, 1.0, 1.0, 0.0)
_PART = 25_088  # pixels at once, half a view of 224 px: what lies between the steps stays in the cache
_GRAIN = 32_768  # torch spreads longer sums over threads of its own
_LEAST = np.float32(1e-9)  # far below the least difference of two levels, 1/255
_LEVEL = np.float32(1 / 255)
_ALMOST_256 = np.float32(255.999)


def color_jitter(picture: Picture, factors: Sequence[float], order: Sequence[int]) -> Picture:
    """Brightness, contrast, saturation and hue, one after the other.

    Contrast pivots at the picture's mean gray, and the hue turns in HSV. torchvision's own result for uint8
    tensors, bit by bit; its results for Pillow's images differ from these by the 8 bits of Pillow's HSV.

    Args:
        picture: (S, S, 3) uint8 RGB; not changed.
        factors: of brightness, contrast and saturation, not below 0, and turns of hue, -0.5..0.5. Those that
            change nothing, 1, 1, 1 and 0, are passed over.
        order: of the steps: the numbers 0 brightness, 1 contrast, 2 saturation, 3 hue.

    Returns:
        (S, S, 3) uint8.

    Example:
        >>> from maskgen.loaders.pixels.color_jitter import color_jitter
        >>> import numpy as np
        >>> red = np.full((1, 1, 3), (200, 0, 0), np.uint8)
        >>> color_jitter(red, (0.5, 1, 1, 1 / 3), (3, 0, 1, 2)).tolist()
        [[[0, 100, 0]]]
    """
    planes = _planes(picture)
    for step in order:
        factor = float(factors[step])
        if factor == _SAME[step]:
            continue
        if step in _OF_LEVELS:
            levels = np.arange(256, dtype=np.float32)[None]
            _OF_LEVELS[step](levels, factor, _mean_gray(planes) if step == CONTRAST else np.float32(0))
            planes = np.asarray(cv2.LUT(planes, levels.astype(np.uint8)), np.uint8)
            continue
        for part in _parts(planes):
            _OF_PIXELS[step](part, factor)
    return _merged(*planes, like=picture)


def grayscale(picture: Picture) -> Picture:
    """An (S, S, 3) uint8 RGB picture without its colors, as torchvision's `rgb_to_grayscale`."""
    gray = np.concatenate([_gray(_floats(part)).astype(np.uint8) for part in _parts(_planes(picture))])
    return _merged(gray, gray, gray, like=picture)


def _planes(picture: Picture) -> Picture:
    """(3, pixels) uint8, a copy."""
    planes = np.empty((3, *picture.shape[:2]), np.uint8)
    cv2.split(picture, [planes[0], planes[1], planes[2]])
    return planes.reshape(3, -1)


def _merged(*planes: Picture, like: Picture) -> Picture:
    return np.asarray(cv2.merge([plane.reshape(like.shape[:2]) for plane in planes]), np.uint8)


def _parts(planes: Picture) -> Iterator[Picture]:
    for start in range(0, planes.shape[1], _PART):
        yield planes[:, start : start + _PART]


def _mean_gray(planes: Picture) -> np.float32:
    total = sum(cv2.sumElems(_gray(_floats(part)))[0] for part in _parts(planes))  # whole numbers: exact
    return np.float32(np.float32(total) / np.float32(planes.shape[1]))


def _floats(planes: Picture) -> Floats:
    return planes.astype(np.float32)


def _brightness(levels: Floats, factor: float, _mean: np.float32) -> None:
    levels *= np.float32(factor)
    _to_levels(levels)


def _contrast(levels: Floats, factor: float, mean: np.float32) -> None:
    _blend(levels, np.full_like(levels[0], mean), factor)


def _saturation(planes: Picture, factor: float) -> None:
    floats = _floats(planes)
    _blend(floats, _gray(floats), factor)
    planes[...] = floats


def _gray(planes: Floats) -> Floats:
    gray: Floats = planes[0] * np.float32(0.2989)
    _add(gray, planes[1], 0.587)
    _add(gray, planes[2], 0.114)
    np.floor(gray, out=gray)
    return gray


def _blend(planes: Floats, other: Floats, factor: float) -> None:
    """Let the planes be `factor` of themselves and the rest of it another one."""
    planes *= np.float32(factor)
    for plane in planes:
        _add(plane, other, 1 - factor)
    _to_levels(planes)


def _to_levels(planes: Floats) -> None:
    np.clip(planes, 0, 255, out=planes)
    np.floor(planes, out=planes)


def _add(plane: Floats, other: Floats, share: float) -> None:
    """Add a share of another plane with one rounding for product and sum, which numpy cannot."""
    mine, others = torch.from_numpy(plane), torch.from_numpy(other)
    for start in range(0, len(mine), _GRAIN):
        mine[start : start + _GRAIN].add_(others[start : start + _GRAIN], alpha=share)


def _hue(planes: Picture, turn: float) -> None:
    """Turn the hue: the largest channel and the smallest keep their values, the third follows."""
    red, green, blue = planes
    high = np.maximum(np.maximum(red, green), blue)
    low = np.minimum(np.minimum(red, green), blue)
    top = high * _LEVEL
    reach = top - low * _LEVEL
    saturation = reach / np.clip(top, _LEAST, 1)
    place = _sixths((red, green, blue), high, top, np.clip(reach, _LEAST, 1, out=reach))
    place *= np.float32(1 / 6)
    place += 1
    place -= np.floor(place)
    place += np.float32(turn)
    place -= np.floor(place)
    place *= 6
    sixth = place.astype(np.uint8)
    place -= sixth
    np.multiply(sixth, (sixth < 6).view(np.uint8), out=sixth)  # a turn that is rounded to a whole one
    middle = _middle(top, saturation, place, np.bitwise_and(sixth, np.uint8(1)))
    _arrange(planes, (high, middle, low), sixth)


def _sixths(colors: tuple[Picture, Picture, Picture], high: Picture, top: Floats, reach: Floats) -> Floats:
    """Where the colors lie on the circle of hues, -1 to 5: how far the two other channels are from the top.

    A pixel counts as red, green or blue by its largest channel, the first of equal ones. All three cases are
    (A + offset) - C, and only A, C and the offset are chosen, by bits: a choice by `where` is many times
    slower.
    """
    red, green, blue = colors
    is_red = _bits(red == high)
    is_green = _bits(green == high) & ~is_red
    is_blue = ~(is_red | is_green)
    added = (blue & is_red) | (red & is_green) | (green & is_blue)
    removed = (green & is_red) | (blue & is_green) | (red & is_blue)
    offset = (is_green & 2) | (is_blue & 4)
    place = np.subtract(top, added * _LEVEL)
    place /= reach
    place += offset
    other = np.subtract(top, removed * _LEVEL)
    other /= reach
    place -= other
    return place


def _middle(top: Floats, saturation: Floats, place: Floats, falls: Picture) -> Picture:
    """The channel between the largest and the smallest, at `place` 0..1 in its sixth of the circle."""
    place *= saturation
    falling = 1 - place
    place += np.subtract(1, saturation, out=saturation)
    for channel in (falling, place):
        np.multiply(channel, top, out=channel)
        np.multiply(channel, _ALMOST_256, out=channel)
    down = _bits(falls)
    return (falling.astype(np.uint8) & down) | (place.astype(np.uint8) & ~down)


def _arrange(planes: Picture, values: tuple[Picture, Picture, Picture], sixth: Picture) -> None:
    """Write the largest, the middle and the smallest channel to where they belong in each sixth."""
    high, middle, low = values
    high, middle = high - low, middle - low
    here = [_bits(sixth == number) for number in range(6)]
    for plane, (a, b), (c, d) in zip(planes, _LARGEST, _BETWEEN, strict=True):
        plane[...] = low + (high & (here[a] | here[b])) + (middle & (here[c] | here[d]))


# In which sixths of the circle red, green and blue are the largest channel, and the middle one.
_LARGEST = ((0, 5), (1, 2), (3, 4))
_BETWEEN = ((1, 4), (0, 3), (2, 5))


def _bits(chosen: NDArray[Any]) -> Picture:
    """255 where a mask of 0 and 1 is 1: its bits select a level."""
    return np.negative(chosen.view(np.uint8))


_OF_LEVELS: dict[int, Callable[[Floats, float, np.float32], None]] = {
    BRIGHTNESS: _brightness,
    CONTRAST: _contrast,
}
"""Steps that make one level of each level, wherever it stands: their arithmetic makes a table of 256."""
_OF_PIXELS: dict[int, Callable[[Picture, float], None]] = {SATURATION: _saturation, HUE: _hue}
