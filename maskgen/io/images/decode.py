"""Bounded decoding of JPEG, PNG and WebP to upright 8-bit RGB."""

from __future__ import annotations

import contextlib
import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from maskgen.errors import ImageFault

from .containers import Block, png_chunks, shorten_webp, strip_png, strip_webp
from .header import Header, read_header
from .jpeg import decode_jpeg

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from maskgen.types import RGB


# WebP has no checksum, but damage shifts where its codes end, mostly to before the data do. Encoders may pad.
_TAIL_BYTES = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest image that is decoded.

    Args:
        max_bytes: file size, bytes.
        max_pixels: width times height, px.
        max_side: longer side, px.
    """

    max_bytes: int
    max_pixels: int
    max_side: int


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded image.

    Args:
        image: (H, W, 3) uint8 RGB, upright, C-contiguous.
        verbatim: whether the file's bytes may be stored as they are: a complete, plain, upright JPEG.
        format: ``jpeg``, ``png`` or ``webp``.
        damage: how a part of the picture was lost; empty for a sound file.
    """

    image: RGB
    verbatim: bool
    format: str
    damage: str = ""


def decode(data: bytes, limits: Limits, *, accept_damaged: bool = False) -> Photo:
    """Decode one image file.

    Upright by its EXIF orientation, transparency on white, 16 bits to the high byte.

    Nothing is allocated before the header is within `limits`. Metadata, profiles and further frames
    are cut out before a decoder sees the file: colors are taken as sRGB, an animation is its still
    image. A transparent color is honored in gray and 8-bit RGB PNGs, not in 16-bit RGB ones.

    Args:
        data: the whole file; its name and extension do not matter.
        limits: caps on bytes, pixels and sides.
        accept_damaged: give what can be decoded of a damaged JPEG or WebP, with the damage named; of a PNG
            nothing is.

    Raises:
        ImageFault: ``too-many-bytes``, ``format-not-allowed``, ``bad-header``, ``side-too-long``,
            ``too-many-pixels``, ``truncated``, ``damaged`` or ``undecodable``; never anything else.

    Example:
        >>> from maskgen.io.images.decode import decode
        >>> import numpy as np
        >>> from maskgen.io.images.decode import Limits
        >>> from maskgen.io.images.encode import encode_jpeg
        >>> limits = Limits(max_bytes=1 << 20, max_pixels=1 << 20, max_side=2000)
        >>> photo = decode(encode_jpeg(np.zeros((30, 40, 3), np.uint8), 90), limits)
        >>> photo.image.shape, photo.verbatim
        ((30, 40, 3), True)
    """
    if len(data) > limits.max_bytes:
        raise ImageFault("too-many-bytes", f"{len(data)} bytes, cap {limits.max_bytes}")
    header = read_header(data)
    _check_size(header, limits)
    try:
        found = _decode_stored(data, header, accept_damaged=accept_damaged)
        image = _upright(found.image, header.orientation)
    except ImageFault:
        raise
    except Exception as error:  # a decoder may raise anything on a broken file, MemoryError included
        raise ImageFault("undecodable", f"{type(error).__name__}: {error}"[:200]) from error
    if found.image.shape != (header.height, header.width, 3):
        size = f"{found.image.shape[1]}x{found.image.shape[0]}"
        raise ImageFault("undecodable", f"{size} px decoded, {header.width}x{header.height} px announced")
    return Photo(image, found.verbatim, header.format, found.damage)


def _check_size(header: Header, limits: Limits) -> None:
    size = f"{header.width}x{header.height} px"
    if max(header.width, header.height) > limits.max_side:
        raise ImageFault("side-too-long", f"{size}, cap {limits.max_side}")
    if header.width * header.height > limits.max_pixels:
        raise ImageFault("too-many-pixels", f"{size}, cap {limits.max_pixels}")


def _decode_stored(data: bytes, header: Header, *, accept_damaged: bool) -> Photo:
    """The pixels as stored, (header.height, header.width, 3)."""
    if header.format == "png":
        return Photo(_decode_png(data, header), verbatim=False, format="png")
    if header.format == "webp":
        return _decode_webp(data, accept_damaged=accept_damaged)
    found = decode_jpeg(data, header, accept_damaged=accept_damaged)
    return Photo(found.image, found.verbatim, "jpeg", found.damage)


def _decode_webp(data: bytes, *, accept_damaged: bool) -> Photo:
    stripped = strip_webp(data)
    image = _flatten(WebPImageFile(io.BytesIO(stripped)))
    shorter, damage = shorten_webp(stripped, _TAIL_BYTES), ""
    if shorter:
        with contextlib.suppress(OSError):  # as it should be: the picture needs all of its data
            WebPImageFile(io.BytesIO(shorter)).load()
            damage = f"the picture does not use the last {_TAIL_BYTES} bytes of its data"
    if damage and not accept_damaged:
        raise ImageFault("damaged", damage)
    return Photo(image, verbatim=False, format="webp", damage=damage)


def _decode_png(data: bytes, header: Header) -> RGB:
    stripped, image_data = strip_png(data)
    image = PngImageFile(io.BytesIO(stripped))
    if image.mode == "P" and image.palette is None:
        raise ImageFault("undecodable", "a palette PNG without a palette")
    image.load()
    _check_filled(image, header, data, image_data)
    if image.mode == "I;16":
        values = np.asarray(image)
        pixels: RGB = np.repeat((values >> 8).astype(np.uint8)[..., None], 3, axis=2)
        return _whiten(pixels, values[..., None], data, header.bits)
    if header.components in (1, 3) and header.bits <= 8 and image.mode != "P":
        pixels = _flatten(image)
        return _whiten(pixels, pixels, data, header.bits)
    return _flatten(image)


def _check_filled(image: Image.Image, header: Header, data: bytes, image_data: list[Block]) -> None:
    """Refuse image data that ends early: Pillow leaves the remaining rows zero and says nothing."""
    interlaced = data[28] == 1
    last_row = image.crop((0, header.height - 1, header.width, header.height))
    if not interlaced and any(last_row.tobytes()):
        return
    needed = _image_data_bytes(header, interlaced)
    inflater, held = zlib.decompressobj(), 0
    for chunk in image_data:
        waiting = data[chunk.start : chunk.stop]
        while waiting and held < needed:
            held += len(inflater.decompress(waiting, 1 << 20))
            waiting = inflater.unconsumed_tail
    if held < needed:
        raise ImageFault("truncated", f"{held} of {needed} bytes of PNG image data")


# Adam7: first column, first row, column step, row step of each pass (PNG specification, 8.2).
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def _image_data_bytes(header: Header, interlaced: bool) -> int:
    """Bytes of a PNG's inflated image data: rows of whole bytes, each behind its filter byte."""
    total = 0
    for x0, y0, dx, dy in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(header.width - x0) // dx), -(-(header.height - y0) // dy)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * header.components * header.bits + 7) // 8)
    return total


def _whiten(pixels: RGB, values: NDArray[np.integer], data: bytes, bits: int) -> RGB:
    """Paint white the pixels whose (H, W, C) `values` equal the PNG's transparent color of `bits` bits."""
    highest = 2**bits - 1
    scale = 1 if bits == 16 else 255 // highest  # gray of 1, 2 and 4 bits has been spread to 0..255
    for chunk in png_chunks(data):
        if chunk.kind == b"IDAT":
            break
        if chunk.kind == b"tRNS" and chunk.stop - chunk.start in (2, 6):
            key = np.frombuffer(data[chunk.start : chunk.stop], ">u2").astype(np.int64)
            pixels = np.where(
                (values == (key & highest) * scale).all(axis=2, keepdims=True), np.uint8(255), pixels
            )
    return pixels


def _flatten(image: Image.Image) -> RGB:
    """(H, W, 3) uint8 RGB of a Pillow image of any 8-bit mode, its transparency on white."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image.getchannel("A"))
        image = white
    return np.array(image.convert("RGB"), np.uint8)


def _transverse(image: RGB) -> RGB:
    return np.asarray(cv2.transpose(cv2.rotate(image, cv2.ROTATE_180)), np.uint8)


_TURNS: dict[int, Callable[[RGB], object]] = {
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: _transverse,
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def _upright(image: RGB, orientation: int) -> RGB:
    """The stored image turned by its EXIF orientation (1..8)."""
    turn = _TURNS.get(orientation)
    return image if turn is None else np.asarray(turn(image), np.uint8)
