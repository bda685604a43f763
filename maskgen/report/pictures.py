"""Reading masks, truths and photos from files and shards, at one size."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ImageFault, ShardFault, UsageError
from maskgen.io.decode import Limits, decode
from maskgen.io.encode import resize_mask
from maskgen.io.header import read_header
from maskgen.io.stored import decode_mask
from maskgen.report.coco import CocoTruth
from maskgen.types import RGB, HardMask

_TRUE_ABOVE = 128  # a truth pixel is foreground above it, as in every toolbox of the field
_MAX_STRETCH = 0.01  # relative difference of aspect ratios
_LIMITS = Limits(max_bytes=1 << 28, max_pixels=1 << 27, max_side=1 << 16)


class Blob(NamedTuple):
    """The bytes of one picture: a file, or a member of a shard.

    Args:
        file: the file or tar.
        offset: first byte.
        size: bytes; -1 for the whole file.
        name: how a message names it.
    """

    file: str
    offset: int = 0
    size: int = -1
    name: str = ""

    def read(self) -> bytes:
        """The bytes.

        Raises:
            UsageError: the file cannot be read, or is shorter.
        """
        try:
            with Path(self.file).open("rb") as file:
                file.seek(self.offset)
                data = file.read(self.size)
        except OSError as error:
            raise UsageError("cannot read a file", where=self.file, cause=str(error.strerror)) from error
        if self.size not in (-1, len(data)):
            raise ShardFault("a member is cut short", where=str(self), remedy="maskgen verify")
        return data

    def __str__(self) -> str:
        return self.name or self.file


Truth: TypeAlias = Blob | CocoTruth
"""A mask file, or the segmentations of one image."""


def read_truth(truth: Truth) -> tuple[HardMask, HardMask]:
    """The (H, W) bool truth, foreground above 128, and the (H, W) bool pixels to ignore (COCO's crowds).

    Raises:
        UsageError: the file cannot be read as a mask.
        SourceFault: a COCO segmentation is not as it should be.
    """
    if isinstance(truth, CocoTruth):
        return truth.draw()
    foreground = _read_grey(truth) > _TRUE_ABOVE
    return foreground, np.zeros_like(foreground)


def read_map(blob: Blob, size: tuple[int, int], truth: Truth) -> NDArray[np.uint8]:
    """A mask's (H, W) uint8 levels at the truth's size.

    Raises:
        UsageError: the file cannot be read as a grey map, or its aspect ratio is not the truth's.
        ShardFault: the member of a shard is damaged.
    """
    levels = _read_grey(blob)
    height, width = levels.shape
    # Small stored masks have sides rounded to whole pixels: half of one is no other aspect ratio.
    off_px = min(abs(height - size[0] * width / size[1]), abs(width - size[1] * height / size[0]))
    if abs(width * size[0] / (height * size[1]) - 1) > _MAX_STRETCH and off_px > 0.5:
        against = str(truth) if isinstance(truth, Blob) else truth.where
        raise UsageError(
            f"a mask of {width}x{height} px for a truth of {size[1]}x{size[0]} px",
            where=f"{blob} and {against}",
            cause="not of the same photo, or one of them is turned or cropped",
            remedy="make the mask from the photo that the truth was drawn on",
        )
    return np.array(resize_mask(levels, size), np.uint8)


def read_photo(blob: Blob) -> RGB:
    """A photo, (H, W, 3) uint8 RGB, upright.

    Raises:
        UsageError: it cannot be decoded.
    """
    try:
        return decode(blob.read(), _LIMITS).image
    except ImageFault as error:
        raise UsageError("cannot read a photo", where=str(blob), cause=str(error)) from error


def _read_grey(blob: Blob) -> NDArray[np.uint8]:
    """(H, W) uint8; colours become their luma, transparency is refused because it could mean either."""
    data = blob.read()
    try:
        if blob.size >= 0:
            return decode_mask(data)
        return _decode_grey(data)
    except ImageFault as error:
        if blob.size >= 0:
            raise ShardFault(
                "cannot read a mask", where=str(blob), cause=str(error), remedy="maskgen verify"
            ) from error
        raise UsageError(
            "cannot read a mask",
            where=str(blob),
            cause=str(error),
            remedy="write it again as an 8-bit grey PNG, or remove it and give --allow-missing",
        ) from error


def _decode_grey(data: bytes) -> NDArray[np.uint8]:
    header = read_header(data)
    if header.format == "png" and header.components in (2, 4):
        raise ImageFault("transparency", "a mask is one grey channel")
    return np.asarray(cv2.cvtColor(decode(data, _LIMITS).image, cv2.COLOR_RGB2GRAY), np.uint8)
