"""One picture of a public set: bounded decoding that takes the odd files which these sets hold."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskgen.errors import ImageFault, ShardFault
from maskgen.io.images.decode import Limits, decode

LIMITS = Limits(max_bytes=64 << 20, max_pixels=64_000_000, max_side=32_768)
_GIF = b"GIF8"
_AGAIN = "unpack the set's archive again, or download it again"


def read_picture(data: bytes, where: str, remedy: str = _AGAIN) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a picture file, as the papers' readers see it.

    Oxford's pets hold some GIFs named .jpg, of which the first frame counts, and a JPEG with bytes that
    belong to nothing, which is decoded as far as libjpeg does. A file that was cut is refused: it is no odd
    file of the set but half a download.

    Args:
        data: the whole file.
        where: the file, for errors.
        remedy: what to do about a damaged one.

    Raises:
        ShardFault: it does not decode, or is larger than 64 million pixels.
    """
    try:
        return _first_frame(data) if data.startswith(_GIF) else _photo(data)
    except ImageFault as fault:
        raise ShardFault(
            "a picture does not decode",
            where=where,
            cause=str(fault),
            remedy=remedy,
        ) from fault


def _photo(data: bytes) -> NDArray[np.uint8]:
    try:
        return decode(data, LIMITS).image
    except ImageFault as fault:
        if fault.reason != "damaged":
            raise
        return decode(data, LIMITS, accept_damaged=True).image


def _first_frame(data: bytes) -> NDArray[np.uint8]:
    if len(data) > LIMITS.max_bytes:
        raise ImageFault("too-many-bytes", f"{len(data)} bytes, cap {LIMITS.max_bytes}")
    try:
        with Image.open(io.BytesIO(data), formats=("GIF",)) as image:
            small = image.width * image.height <= LIMITS.max_pixels
            pixels = np.asarray(image.convert("RGB")) if small else None
    except Exception as error:  # a decoder may raise anything on a broken file
        raise ImageFault("undecodable", f"{type(error).__name__}: {error}"[:200]) from error
    if pixels is None:
        raise ImageFault("too-many-pixels", f"cap {LIMITS.max_pixels}")
    return pixels
