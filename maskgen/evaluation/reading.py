"""Reading masks, truths and photos from files and shards, at one size."""

from __future__ import annotations

import io
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ..errors import ImageFault, ShardFault, UsageError
from ..io.images.containers import png_chunks, strip_png, strip_webp
from ..io.images.decode import Limits, decode
from ..io.images.encode import resize_mask
from ..io.images.header import read_header
from ..io.images.stored import decode_mask
from ..io.storage.location import Location, open_location
from ..io.storage.reading import open_bytes, read_whole
from ..shards.reader import check_crc32c
from ..types import RGB, HardMask
from .coco import CocoTruth

_TRUE_ABOVE = 128  # a truth pixel is foreground above it, as in every toolbox of the field
_MAX_STRETCH = 0.01  # relative difference of aspect ratios
_MAX_COLOR = 16  # levels between two channels of a gray picture that went through a color JPEG
_PALETTE = 3  # PNG's color type
_LIMITS = Limits(max_bytes=1 << 28, max_pixels=1 << 27, max_side=1 << 16)
_REMEDIES = {
    "transparency": "write it again as an 8-bit gray PNG",
    "color": "write it again as an 8-bit gray PNG, 255 for foreground",
    "too-many-pixels": "make it smaller",
    "side-too-long": "make it smaller",
}


class Blob(NamedTuple):
    """The bytes of one picture: a file, or a member of a shard.

    Args:
        file: the file or tar.
        offset: first byte.
        size: bytes; -1 for the whole file.
        name: how a message names it.
        crc32c: its checksum, where a table has one.
    """

    file: str
    offset: int = 0
    size: int = -1
    name: str = ""
    crc32c: int | None = None

    def read(self) -> bytes:
        """The bytes.

        Raises:
            UsageError: the file cannot be read.
            ShardFault: it is shorter, or has another checksum.
            EnvironmentFault: the object store cannot be reached or refuses.
        """
        try:
            data = self._read(open_location(self.file))
        except OSError as error:
            raise UsageError(
                "cannot read a file",
                where=self.file,
                cause=str(error.strerror),
                remedy="check that it is still there and may be read",
            ) from error
        if self.size not in (-1, len(data)):
            raise ShardFault("a member is cut short", where=str(self), remedy="maskgen verify")
        check_crc32c(data, self.crc32c, str(self))
        return data

    def _read(self, place: Location) -> bytes:
        if self.size < 0:
            return read_whole(place)
        with open_bytes(place) as file:
            return file.read_at(self.offset, self.size)

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
    foreground = read_levels(truth) > _TRUE_ABOVE
    return foreground, np.zeros_like(foreground)


def read_map(blob: Blob, size: tuple[int, int], truth: Truth) -> NDArray[np.uint8]:
    """A mask's (H, W) uint8 levels at the truth's size.

    Raises:
        UsageError: the file cannot be read as a gray map, or its aspect ratio is not the truth's.
        ShardFault: the member of a shard is damaged.
    """
    levels = read_levels(blob)
    height, width = levels.shape
    if not has_aspect((height, width), size):
        against = str(truth) if isinstance(truth, Blob) else truth.where
        raise UsageError(
            f"a mask of {width}x{height} px for a truth of {size[1]}x{size[0]} px",
            where=f"{blob} and {against}",
            cause="not of the same photo, or one of them is turned or cropped",
            remedy="make the mask from the photo that the truth was drawn on",
        )
    return np.array(resize_mask(levels, size), np.uint8)


def has_aspect(found: tuple[int, int], wanted: tuple[int, int]) -> bool:
    """Whether two pictures of these (height, width) px have one aspect ratio, within 1 %.

    Small stored masks have sides rounded to whole pixels: half of one is no other aspect ratio.
    """
    (height, width), size = found, wanted
    off_px = min(abs(height - size[0] * width / size[1]), abs(width - size[1] * height / size[0]))
    return abs(width * size[0] / (height * size[1]) - 1) <= _MAX_STRETCH or off_px <= 0.5


def read_photo(blob: Blob) -> RGB:
    """A photo, (H, W, 3) uint8 RGB, upright.

    Raises:
        UsageError: it cannot be decoded.
    """
    try:
        return decode(blob.read(), _LIMITS).image
    except ImageFault as error:
        raise UsageError(
            "cannot read a photo",
            where=str(blob),
            cause=str(error),
            remedy="mend the file, or take it out of the folder",
        ) from error


def read_levels(blob: Blob) -> NDArray[np.uint8]:
    """A mask's (H, W) uint8 levels as they are stored.

    Colors and transparency are refused, because nobody knows what they are meant to say.

    Raises:
        UsageError: the file cannot be read as a gray map.
        ShardFault: the member of a shard is damaged.
    """
    data = blob.read()
    try:
        if blob.size >= 0:
            return decode_mask(data)
        return decode_gray(data)
    except ImageFault as error:
        if blob.size >= 0:
            raise ShardFault(
                "cannot read a mask", where=str(blob), cause=str(error), remedy="maskgen verify"
            ) from error
        remedy = _REMEDIES.get(error.reason, "replace it")
        raise UsageError(
            "cannot read a mask",
            where=str(blob),
            cause=str(error),
            remedy=f"{remedy}, or remove it",
        ) from error


def decode_gray(data: bytes) -> NDArray[np.uint8]:
    """The (H, W) uint8 levels of a mask's file: PNG, JPEG or WebP, upright.

    Raises:
        ImageFault: no such picture, a damaged one, or one in color or with transparency, because nobody knows
            what these are meant to say.
    """
    image = decode(data, _LIMITS).image
    if not _opaque(data):
        raise ImageFault("transparency", "a mask is one gray channel")
    red, green, blue = cv2.split(image)
    apart = max(int(cv2.absdiff(red, other).max()) for other in (green, blue))
    if apart > _MAX_COLOR:
        raise ImageFault(
            "color", f"two channels are {apart} levels apart, as in a photo or a colored label map"
        )
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _opaque(data: bytes) -> bool:
    """Whether every pixel of a picture that `decode` could read is opaque, if it can say otherwise at all."""
    header = read_header(data)
    if header.format == "jpeg":
        return True
    if header.format == "webp":
        return _least_alpha(WebPImageFile(io.BytesIO(strip_webp(data)))) == 255
    marked = any(chunk.kind == b"tRNS" for chunk in png_chunks(data))
    if marked and data[25] != _PALETTE:
        return False
    if not marked and header.components in (1, 3):
        return True
    return _least_alpha(PngImageFile(io.BytesIO(strip_png(data)[0]))) == 255


def _least_alpha(image: Image) -> int:
    return int(image.convert("RGBA").getchannel("A").getextrema()[0])  # type: ignore[arg-type] # one channel
