"""Where a stored background lies on its photo, and how both become the whole background again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import ShardFault
from ..io.images.encode import resize_image
from ..io.images.stored import MAX_PIXELS, decode_photo
from ..types import RGB, Box
from . import naming
from .meta import unpack_meta

MIN_PX = 16
"""Side of the patch of a photo without foreground: one block of a JPEG with halved colors."""


def stored_box(region: Box, size: tuple[int, int], store: str) -> Box:
    """The part of the background that is stored, in pixels of the photo.

    A patch is exactly the box that was filled. It is not grown to whole JPEG blocks: no block then holds both
    sides of the edge. Measured on 84 ImageNet photos with U²-Net-p masks, tiled, quality 90: the coding error
    steps by 2.4 levels across the edge, by 7.8 to 8.2 when the box is grown to multiples of 8 or 16 px (8.1
    in a whole background), at 3 to 7 % more bytes. Without foreground it is the photo's first 16x16 px, which
    paste to what was there.

    Args:
        region: box inside which the background differs from the photo; empty when nowhere.
        size: (height, width) of the photo, px.
        store: ``full`` or ``patch``.
    """
    height, width = size
    if store == "full":
        return Box(0, 0, height, width)
    return region if region.area else Box(0, 0, min(height, MIN_PX), min(width, MIN_PX))


def stored_size(box: Box, size: tuple[int, int], side: int) -> tuple[int, int]:
    """(height, width) of the stored background, px.

    The box's, scaled as the photo is to a short side of `side`.

    Args:
        box: see `stored_box`.
        size: (height, width) of the photo, px.
        side: short side of a whole background, px; 0, or one above the photo's, keeps the box's size.
    """
    height, width, short = box.y1 - box.y0, box.x1 - box.x0, min(size)
    if not side or short <= side:
        return height, width
    return max(1, round(height * side / short)), max(1, round(width * side / short))


def cut_background(image: RGB, box: Box, side: int) -> RGB:
    """What is stored of a background, (h, w, 3) uint8 RGB.

    `box` of the (H, W, 3) image, shrunk by `stored_size`.
    """
    inside = image[box.y0 : box.y1, box.x0 : box.x1]
    return resize_image(inside, stored_size(box, (image.shape[0], image.shape[1]), side))


def paste_background(photo: RGB, stored: RGB, box: Box) -> RGB:
    """The whole background at the photo's size.

    Args:
        photo: (H, W, 3) uint8 RGB, upright, at the size in KEY.meta.
        stored: (h, w, 3) uint8 RGB, the decoded KEY.bg.jpg; enlarged bilinearly when it is smaller than the
            box.
        box: its place on the photo, px, from KEY.meta or the JSON.

    Returns:
        (H, W, 3) uint8 RGB; `photo` stays as it is.

    Raises:
        ValueError: the box is empty or not inside the photo.
    """
    height, width = photo.shape[:2]
    if not (box.area and min(box) >= 0 and box.y1 <= height and box.x1 <= width):
        raise ValueError(f"a background at {tuple(box)} on a photo of {width}x{height} px")
    out = photo.copy()
    out[box.y0 : box.y1, box.x0 : box.x1] = resize_image(stored, (box.y1 - box.y0, box.x1 - box.x0))
    return out


def background_box(meta: bytes) -> Box:
    """Where the stored background lies, from a KEY.meta member; all zero when the data set has none.

    Raises:
        ShardFault: not a KEY.meta member of this version.
    """
    return Box(*_fields(meta)["bg_box"].tolist())


def photo_size(meta: bytes) -> tuple[int, int]:
    """(height, width) of the photo, px, from a KEY.meta member.

    Raises:
        ShardFault: not a KEY.meta member of this version, or a size that no photo has.
    """
    height, width = _fields(meta)["size"].tolist()
    if not (height > 0 and width > 0 and height * width <= MAX_PIXELS):
        raise _contradiction(f"KEY.meta states {width}x{height} px")
    return height, width


def _fields(meta: bytes) -> np.void:
    try:
        return unpack_meta(meta)
    except ValueError as error:
        raise _contradiction(str(error)) from error


def _contradiction(cause: str) -> ShardFault:
    return ShardFault("a background does not fit its photo", cause=cause, remedy="maskgen verify --full")


def read_background(members: Mapping[str, bytes], photo: RGB | None = None) -> RGB:
    """The whole background of a sample.

    Args:
        members: KEY.bg.jpg and KEY.meta by extension, and the photo for a patch when `photo` is None.
        photo: (H, W, 3) uint8 RGB, where the caller has it, or where it lies elsewhere (layout ``sidecar``).

    Returns:
        (H, W, 3) uint8 RGB at the photo's size.

    Raises:
        KeyError: a member is not there.
        ImageFault: a member cannot be decoded.
        ShardFault: KEY.meta is damaged, or the photo has another size than it says.
    """
    size, box = photo_size(members[naming.META]), background_box(members[naming.META])
    stored = decode_photo(members[naming.BACKGROUND])
    if box == Box(0, 0, *size):
        return resize_image(stored, size)
    if photo is None:
        photo = decode_photo(members[naming.stored_ext(naming.PHOTO, members)])
    if photo.shape[:2] != size:
        raise _contradiction(f"a photo of {photo.shape[1]}x{photo.shape[0]} px for {size[1]}x{size[0]}")
    try:
        return paste_background(photo, stored, box)
    except ValueError as error:
        raise _contradiction(str(error)) from error
