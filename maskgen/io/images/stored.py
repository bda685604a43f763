"""Decoding the members of our own shards."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ImageFault
from maskgen.types import RGB

from .header import Header, png_size, read_header
from .jpeg import decode_jpeg

_PNG = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 1 << 27
"""Photos and masks of more pixels are not decoded, whatever the shards' manifest allows."""


def decode_mask(data: bytes, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """The (h, w) uint8 mask of a KEY.mask.png member, 8-bit or 1-bit gray.

    Args:
        data: of the member.
        size: (h, w) that it must have, where that is known; one of another size is not decoded.

    Raises:
        ImageFault: not a gray PNG, of another size, or damaged.

    Example:
        >>> from maskgen.io.images.stored import decode_mask
        >>> import numpy as np
        >>> from maskgen.io.images.encode import encode_mask_png
        >>> levels = np.arange(12, dtype=np.uint8).reshape(3, 4)
        >>> bool((decode_mask(encode_mask_png(levels, binary=False)) == levels).all())
        True
    """
    if size is None:
        return _decode(data, _read_header(data), cv2.IMREAD_GRAYSCALE)
    found = png_size(data) if data[: len(_PNG)] == _PNG else (0, 0)
    if found != size:
        raise ImageFault("other-size", f"a mask of {found[1]}x{found[0]} px, not {size[1]}x{size[0]}")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise ImageFault("undecodable", f"a mask of {size[1]}x{size[0]} px")
    return np.asarray(image, np.uint8)


def decode_photo(data: bytes) -> RGB:
    """The (H, W, 3) uint8 RGB image of a KEY.jpg or KEY.bg.jpg member, as stored.

    Raises:
        ImageFault: no picture, or a part of it is lost.

    Example:
        >>> from maskgen.io.images.stored import decode_photo
        >>> import numpy as np
        >>> from maskgen.io.images.encode import encode_jpeg
        >>> decode_photo(encode_jpeg(np.full((30, 40, 3), 90, np.uint8), 90))[0, 0].tolist()
        [90, 90, 90]
    """
    header = _read_header(data)
    return (
        decode_jpeg(data, header).image
        if header.format == "jpeg"
        else _decode(data, header, cv2.IMREAD_COLOR_RGB)
    )


def _read_header(data: bytes) -> Header:
    header = read_header(data)
    if header.width * header.height > MAX_PIXELS:
        raise ImageFault("too-many-pixels", f"{header.width}x{header.height} px in a shard")
    return header


def _decode(data: bytes, header: Header, mode: int) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), mode | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise ImageFault("undecodable", f"a {header.format} member of {header.width}x{header.height} px")
    return np.asarray(image, np.uint8)
