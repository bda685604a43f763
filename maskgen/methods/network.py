"""A learned method in three steps: prepare the photo, run the network on a batch, finish the mask.

`prepare` and `finish` work on one photo and need no weights and no torch, so many processes can do them while
one process per device runs the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import cv2
import numpy as np
from PIL import Image

from ..config.suggest import nearest
from ..errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..types import RGB, SoftMask

RESIZES = ("official", "antialias")

Run: TypeAlias = "Callable[..., NDArray[Any]]"
"""A network as a runtime runs it: (N, 3, S, S) in, and what else it takes; the declared output out."""


class Infer(Protocol):
    """A loaded network on its device."""

    def __call__(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Saliency maps of a batch.

        Args:
            batch: (B, S, S, 3) as `NetworkInput.prepare` makes them; normalized here, on the device.

        Returns:
            (B, S, S) float32 in [0, 1], or uint8 0..255 when it was rounded on the device.

        Raises:
            ImageFault: the map of a batch of one is not finite. In a larger batch such a map is all NaN.
        """
        ...


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """How a network wants its photos, and how its maps go back to the photo's size.

    Args:
        side: S, side of the square input, px.
        mean: of the normalized channels, RGB.
        std: of the normalized channels, RGB.
        divisor: what pixels are divided by: ``max``, the photo's own maximum (U²-Net's test code), or
            ``255``.
        resize: the kernel, ``official`` (two-tap bilinear; float32 pixels) or ``antialias`` (uint8 pixels).

    Raises:
        UsageError: an unknown kernel.

    Example:
        >>> from maskgen.methods.network import NetworkInput
        >>> import numpy as np
        >>> NetworkInput(64).prepare(np.zeros((30, 40, 3), np.uint8)).shape
        (64, 64, 3)
    """

    side: int = 320
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    divisor: str = "max"
    resize: str = "antialias"

    def __post_init__(self) -> None:
        if self.resize not in RESIZES:
            raise UsageError(f"--resize got {self.resize!r}", remedy=nearest(self.resize, list(RESIZES)))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the prepared pixels."""
        return np.dtype(np.float32 if self.resize == "official" else np.uint8)

    def prepare(self, image: RGB) -> NDArray[Any]:
        """(S, S, 3) pixels in [0, 255] of `dtype` from an (H, W, 3) uint8 RGB photo of any size."""
        resize = resize_official if self.resize == "official" else resize_antialias
        return resize(image, self.side)

    def finish(self, small: NDArray[Any], height: int, width: int) -> SoftMask:
        """(height, width) float32 in [0, 1] from one (S, S) map, float32 in [0, 1] or uint8 0..255."""
        return resize_map(small, height, width)


@dataclass(frozen=True, slots=True)
class NetworkMethod:
    """The mask method around a loaded network, one photo at a time."""

    input: NetworkInput
    infer: Infer

    def __call__(self, image: RGB) -> SoftMask:
        """The (H, W) float32 mask in [0, 1] of an (H, W, 3) uint8 RGB image of any size.

        Raises:
            ImageFault: the network's map is not finite.
        """
        small = self.infer(self.input.prepare(image)[None])[0]
        return self.input.finish(small, image.shape[0], image.shape[1])


def resize_official(image: RGB, side: int) -> NDArray[np.float32]:
    """(side, side, 3) float32 in [0, 255]: two-tap bilinear without anti-aliasing, as U²-Net's loader.

    Equal to scikit-image's order-1 resize with ``mode="constant"``, which their loader calls: an enlarged
    image fades to black over its outermost half pixel, but not below the darkest value it holds anywhere.
    Only the pixels needed are read, ten times faster.

    Args:
        image: (H, W, 3) uint8 RGB.
        side: side of the result, px.

    Example:
        >>> from maskgen.methods.network import resize_official
        >>> import numpy as np
        >>> resize_official(np.full((30, 40, 3), 90, np.uint8), 16)[8, 8].tolist()
        [90.0, 90.0, 90.0]
    """
    rows, columns = (_taps(length, side) for length in image.shape[:2])
    (left, left_weight), (right, right_weight) = columns
    both = np.concatenate((left, right))
    out = np.zeros((side, side * 3), np.float32)
    for y, weight in rows:
        taps = image.take(y, axis=0).take(both, axis=1)
        line = taps[:, :side].reshape(side, -1) * np.repeat(left_weight, 3)
        line += taps[:, side:].reshape(side, -1) * np.repeat(right_weight, 3)
        out += line * weight[:, None]
    return out.reshape(side, side, 3).clip(image.min(), image.max())


def _taps(length: int, side: int) -> list[tuple[NDArray[np.intp], NDArray[np.float32]]]:
    """The two source indices of each of `side` samples and their weights; zero beyond the edge."""
    center = (np.arange(side) + 0.5) * (length / side) - 0.5
    low = np.floor(center).astype(np.intp)
    taps = []
    for index, weight in ((low, low + 1 - center), (low + 1, center - low)):
        inside = (index >= 0) & (index < length)
        taps.append((index.clip(0, length - 1), np.where(inside, weight, 0).astype(np.float32)))
    return taps


def resize_antialias(image: RGB, side: int) -> NDArray[np.uint8]:
    """(side, side, 3) uint8: Pillow's bilinear, whose kernel widens with the reduction.

    Args:
        image: (H, W, 3) uint8 RGB.
        side: side of the result, px.

    Example:
        >>> from maskgen.methods.network import resize_antialias
        >>> import numpy as np
        >>> resize_antialias(np.full((30, 40, 3), 90, np.uint8), 16)[8, 8].tolist()
        [90, 90, 90]
    """
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))


def resize_map(small: NDArray[Any], height: int, width: int) -> SoftMask:
    """(height, width) float32 in [0, 1]: bilinear.

    Anti-aliased when a side shrinks, as Pillow does in U²-Net's code.

    Args:
        small: (S, S) float32 in [0, 1] or uint8 0..255.
        height: of the result, px.
        width: of the result, px.

    Example:
        >>> from maskgen.methods.network import resize_map
        >>> import numpy as np
        >>> resize_map(np.full((16, 16), 255, np.uint8), 30, 40).shape
        (30, 40)
    """
    values = small.astype(np.float32)
    if small.dtype == np.uint8:
        values /= 255
    if min(height / values.shape[0], width / values.shape[1]) >= 1:
        # Nothing shrinks, so both are the same two taps; OpenCV is seven times faster.
        grown: SoftMask = np.asarray(
            cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
        )
    else:
        grown = np.array(Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR))
    return np.clip(grown, 0, 1, out=grown)
