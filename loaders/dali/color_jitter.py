"""torchvision's ColorJitter of DALI's operators, on either device. Importing this module imports DALI.

The arithmetic is that of `pixels.color_jitter`, which says where it comes from. DALI's operators round after
each operation; where torchvision rounds once for a product and a sum, they are done in float64 here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from nvidia.dali import fn as dali_fn
from nvidia.dali import math as dali_math
from nvidia.dali import types as dali_types

from ..pixels.draw_table import columns

# DALI's own annotations know neither its element types nor half of its return types.
fn: Any = dali_fn
math: Any = dali_math
types: Any = dali_types

# In which sixths of the circle of hues red, green and blue are the largest channel, and the middle one.
_SIXTHS = (((0, 5), (1, 4)), ((1, 2), (0, 3)), ((3, 4), (2, 5)))
_CONTRAST, _SATURATION, _HUE = 1.0, 2.0, 3.0


class Jitter(NamedTuple):
    """The draws of one picture's colors, from its (52,) row on the CPU.

    Args:
        row: the draws of its view.
        prefix: of the fields: empty, or ``bg_`` for the background.
        gpu: whether pictures are on the GPU.
    """

    row: Any
    prefix: str
    gpu: bool

    def number(self, field: str, place: int = 0) -> Any:
        """One number of a field, on the CPU."""
        return self.row[columns(f"{self.prefix}{field}").start + place]

    def there(self, number: Any) -> Any:
        """A number where the pictures are."""
        return number.gpu() if self.gpu else number


def color_jitter(image: Any, jitter: Jitter) -> Any:
    """An (S, S, 3) uint8 node with its colors changed in the drawn order, in grayscale where that is drawn.

    The hue stands once in the graph, with three places for other steps before it and three behind it.
    """
    brightness, contrast, saturation, hue = (jitter.number("color", place) for place in range(4))
    gray, order = jitter.number("grayscale"), [jitter.number("order", place) for place in range(4)]
    if (brightness != 1.0) | (contrast != 1.0) | (saturation != 1.0) | (hue != 0.0):
        made = fn.cast(image, dtype=types.FLOAT)
        for place in range(3):
            if (order[0] != _HUE) & (order[min(1, place)] != _HUE) & (order[place] != _HUE):
                made = _blend(made, jitter, order[place])
        if hue != 0.0:
            made = _hue(made, jitter.there(hue / 360.0))
        for place in range(1, 4):
            if (order[0] == _HUE) | (order[min(1, place - 1)] == _HUE) | (order[place - 1] == _HUE):
                made = _blend(made, jitter, order[place])
        image = fn.cast(made, dtype=types.UINT8)
    if gray > 0.0:
        one = _gray(fn.cast(image, dtype=types.FLOAT))
        image = fn.cast(fn.cat(one, one, one, axis=2), dtype=types.UINT8)
    return image


def _blend(image: Any, jitter: Jitter, step: Any) -> Any:
    """Brightness, contrast or saturation: a share of the picture, and the rest of black, mean or gray."""
    is_contrast, is_saturation = step == _CONTRAST, step == _SATURATION
    is_brightness = (step != _CONTRAST) & (step != _SATURATION)
    factor = (
        jitter.number("color", 0) * is_brightness
        + jitter.number("color", 1) * is_contrast
        + jitter.number("color", 2) * is_saturation
    )
    gray = _gray(image)
    mean = fn.reductions.mean(gray, axes=[0, 1], keep_dims=True)
    other = gray * jitter.there(is_saturation) + mean * jitter.there(is_contrast)
    mixed = _add(image * jitter.there(factor), other, jitter.there(1.0 - factor))
    return math.floor(math.clamp(mixed, 0.0, 255.0))


def _gray(image: Any) -> Any:
    red, green, blue = _channels(image)
    return math.floor(_add(_add(red * 0.2989, green, 0.587), blue, 0.114))


def _add(image: Any, other: Any, share: Any) -> Any:
    """The sum with a share of another picture, rounded once."""
    exact = fn.cast(image, dtype=types.FLOAT64) + fn.cast(other, dtype=types.FLOAT64) * share
    return fn.cast(exact, dtype=types.FLOAT)


def _channels(image: Any) -> tuple[Any, Any, Any]:
    return image[:, :, 0:1], image[:, :, 1:2], image[:, :, 2:3]


def _hue(image: Any, turn: Any) -> Any:
    """Turn the hue; see `pixels.color_jitter` for each step."""
    channels = red, green, blue = _channels(image)
    high, low = math.max(math.max(red, green), blue), math.min(math.min(red, green), blue)
    top = high * (1 / 255)
    reach = top - low * (1 / 255)
    saturation = reach / math.max(top, 1e-9)
    place = _sixths(channels, high, top, math.max(reach, 1e-9)) * (1 / 6) + 1.0
    place = place - math.floor(place) + turn
    place = (place - math.floor(place)) * 6.0
    sixth = math.floor(place)
    share = (place - sixth) * saturation
    falling = (1.0 - share) * top
    rising = (share + (1.0 - saturation)) * top
    falls = (sixth == 1.0) | (sixth == 3.0) | (sixth == 5.0)
    middle = math.floor(falling * 255.999) * falls + math.floor(rising * 255.999) * (falls == 0)
    here = [(sixth == 0.0) | (sixth == 6.0), *(sixth == float(number) for number in range(1, 6))]
    turned = [
        low + (high - low) * (here[a] | here[b]) + (middle - low) * (here[c] | here[d])
        for (a, b), (c, d) in _SIXTHS
    ]
    return fn.cat(*turned, axis=2)


def _sixths(channels: tuple[Any, Any, Any], high: Any, top: Any, reach: Any) -> Any:
    """Where the colors lie on the circle of hues, -1 to 5."""
    red, green, blue = (((top - channel * (1 / 255)) / reach) for channel in channels)
    is_red = channels[0] == high
    is_green = (channels[1] == high) & (is_red == 0)
    is_blue = (is_red | is_green) == 0
    return (blue - green) * is_red + (red + 2.0 - blue) * is_green + (green + 4.0 - red) * is_blue
