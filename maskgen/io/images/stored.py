"""Decoding the members of our own shards."""

from __future__ import annotations

import struct
import zlib
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ImageFault
from maskgen.types import RGB

from .header import Header, read_header
from .jpeg import decode_jpeg

MAX_PIXELS = 1 << 27
"""Photos and masks of more pixels are not decoded, whatever the shards' manifest allows."""


def decode_mask(data: bytes) -> NDArray[np.uint8]:
    """The (h, w) uint8 mask of a KEY.mask.png member, 8-bit or 1-bit gray.

    Raises:
        ImageFault: not a gray PNG, or damaged.

    Example:
        >>> from maskgen.io.images.stored import decode_mask
        >>> import numpy as np
        >>> from maskgen.io.images.encode import encode_mask_png
        >>> levels = np.arange(12, dtype=np.uint8).reshape(3, 4)
        >>> bool((decode_mask(encode_mask_png(levels, binary=False)) == levels).all())
        True
    """
    return _decode(data, _read_header(data), cv2.IMREAD_GRAYSCALE)


def decode_lean_mask(data: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The mask of a lean sample; a PNG of another size or kind is not decoded.

    Args:
        data: (n,) uint8, content of its KEY.mask.png.
        side: of the square that it must be, px.

    Returns:
        (side, side) uint8.

    Raises:
        ImageFault: no 8-bit gray PNG of that size, or a damaged one.

    Example:
        >>> from maskgen.io.images.stored import decode_lean_mask
        >>> import numpy as np
        >>> from maskgen.io.images.encode import encode_lean_mask
        >>> data = encode_lean_mask(np.full((128, 128), 17, np.uint8))
        >>> int(decode_lean_mask(np.frombuffer(data, np.uint8), 128)[5, 5])
        17
    """
    head = _lean_header(side)  # 33 bytes say all of it, so that nothing has to be read from them
    if data[: len(head)].tobytes() != head:
        raise ImageFault("other-size", f"no 8-bit gray PNG of {side}x{side} px")
    image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise ImageFault("undecodable", f"a mask of {side}x{side} px")
    return np.asarray(image, np.uint8)


@cache
def _lean_header(side: int) -> bytes:
    """Signature and header chunk of an 8-bit gray PNG that is not interlaced."""
    chunk = b"IHDR" + struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(chunk) - 4)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
    )


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
