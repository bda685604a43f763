"""The words every layer shares: arrays, boxes, labels, byte references, source items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

RGB: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) uint8, sRGB, upright."""

SoftMask: TypeAlias = NDArray[np.float32]
"""(H, W) float32 in [0, 1]; 1 is foreground."""

HardMask: TypeAlias = NDArray[np.bool_]
"""(H, W) bool; True is foreground."""

Label: TypeAlias = int | tuple[int, ...] | None
"""One class index, several category ids, or no label."""


class Box(NamedTuple):
    """A pixel box, half open: rows y0..y1-1, columns x0..x1-1; all zero when empty.

    Example:
        >>> from maskgen.types import Box
        >>> Box(2, 3, 4, 8).area
        10
    """

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def area(self) -> int:
        """Pixels inside the box."""
        return max(0, self.y1 - self.y0) * max(0, self.x1 - self.x0)


@dataclass(frozen=True, slots=True)
class ByteRef:
    """Where the bytes of one image lie, without holding them.

    Args:
        file: path relative to the source's root, with forward slashes.
        offset: first byte: in the file, or in the decompressed stream for ``gzip``.
        size: length in bytes.
        codec: ``""`` for bytes readable in place, ``"gzip"`` for a slice of a gzip stream,
            ``"zip"`` for a zip member.
        member: the zip member's name, empty otherwise.
    """

    file: str
    offset: int
    size: int
    codec: str = ""
    member: str = ""


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One image of a source, before it has been decoded.

    Args:
        name: the source's own id (``n01440764_10026``); the plan makes the key from it.
        ref: where its bytes lie.
        label: class index, category ids, or None.
        path: the original path as a user knows it, kept in the sample's JSON.
    """

    name: str
    ref: ByteRef
    label: Label
    path: str


class Source(Protocol):
    """A place on disk as a sorted, reproducible stream of images."""

    names_are_keys: bool
    """True when two equal names must be an error (existing shards); False when the plan may repair them."""

    def items(self) -> Iterator[SourceItem]:
        """Yield every image in a fixed order, without decoding any."""
        ...


class Method(Protocol):
    """A mask method."""

    def __call__(self, image: RGB) -> SoftMask:
        """Return the (H, W) float32 mask in [0, 1] of an (H, W, 3) uint8 RGB image of any size."""
        ...


class Filled(NamedTuple):
    """A background without its foreground.

    Args:
        image: (H, W, 3) uint8 RGB.
        how: how it was made, a stable slug such as ``tiled-left``.
        region: the box inside which pixels were replaced; outside it the photo is untouched.
    """

    image: RGB
    how: str
    region: Box


class Background(Protocol):
    """A background maker."""

    def __call__(self, image: RGB, mask: HardMask, saliency: NDArray[np.uint8] | None = None) -> Filled:
        """Return the (H, W, 3) uint8 RGB image with the foreground of the (H, W) bool mask replaced.

        The saliency is the (h, w) soft mask of the whole photo, 0..255, at any size: what it suspects had
        better not be repeated.
        """
        ...
