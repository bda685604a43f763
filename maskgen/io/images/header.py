"""What an image file says about itself, read within fixed bounds before any library sees a byte."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maskgen.errors import ImageFault

from .containers import (
    FRAME_HEADERS,
    PNG_MAGIC,
    Block,
    JpegLayout,
    exif_orientation,
    jpeg_layout,
    png_checksum_holds,
    png_chunks,
    webp_chunks,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Header:
    """The facts in an image file's header.

    Args:
        format: ``jpeg``, ``png`` or ``webp``.
        width: stored width, px, before the orientation is applied.
        height: stored height, px, before the orientation is applied.
        components: values per pixel as stored (a palette index is one).
        bits: bits per value.
        plain: an upright 8-bit gray or YCbCr JPEG that every reader shows alike, whatever it does with
            EXIF, with at most 16 MiB of metadata.
        orientation: EXIF orientation, 1..8; 1 when absent or unreadable.
        scan: offset of a JPEG's first entropy-coded byte; 0 for the other formats or when it is missing.
        progressive: whether a JPEG comes in several scans by design.
    """

    format: str
    width: int
    height: int
    components: int
    bits: int
    plain: bool
    orientation: int
    scan: int = 0
    progressive: bool = False


def read_header(data: bytes) -> Header:
    """Read the header of a JPEG, PNG or WebP file, told apart by their first bytes.

    Bounded: at most 16,384 JPEG segments or 65,536 chunks are stepped over and nothing is decompressed.
    The orientation comes from EXIF alone, as in cv2, DALI and web browsers, never from XMP.

    Args:
        data: the whole file.

    Raises:
        ImageFault: ``format-not-allowed`` (another format, or an empty file), ``bad-header`` (cut,
            contradictory, or a side of zero).

    Example:
        >>> from maskgen.io.images.header import read_header
        >>> import numpy as np
        >>> from maskgen.io.images.encode import encode_jpeg
        >>> header = read_header(encode_jpeg(np.zeros((30, 40, 3), np.uint8), 90))
        >>> header.format, header.width, header.height
        ('jpeg', 40, 30)
    """
    for magic, at, reader in _READERS:
        if data[at : at + len(magic)] == magic:
            header = reader(data)
            if header.width < 1 or header.height < 1:
                raise ImageFault("bad-header", f"the size is {header.width}x{header.height} px")
            return header
    raise ImageFault("format-not-allowed", _describe(data))


_MAX_METADATA_BYTES = 16 << 20  # decoders copy it, and nobody wants more of it in a shard
_WITH_LENGTH = frozenset([*range(0xC0, 0xD0), *range(0xDA, 0xFF)])
_FEW_SEGMENTS = 64
_XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:\s*=\s*[\"']|>)\s*([0-9]+)")


def jpeg_size(data: bytes | memoryview) -> tuple[int, int]:
    """(height, width) of a JPEG as stored, px, in a tenth of the time of `read_header`.

    Args:
        data: the whole file; a view of bytes is not copied where its segments follow one another.

    Raises:
        ImageFault: ``bad-header``, no frame header or several, or no image data behind it.

    Example:
        >>> import numpy as np
        >>> from maskgen.io.images.header import jpeg_size
        >>> from maskgen.io.images.encode import encode_jpeg
        >>> jpeg_size(encode_jpeg(np.zeros((30, 40, 3), np.uint8), 90))
        (30, 40)
    """
    return _plain_size(data) or _walked_size(bytes(data))


def png_size(data: bytes | memoryview) -> tuple[int, int]:
    """(height, width) of a PNG, px.

    Raises:
        ImageFault: ``bad-header``, it does not begin with a whole header chunk.

    Example:
        >>> import numpy as np
        >>> from maskgen.io.images.header import png_size
        >>> from maskgen.io.images.encode import encode_photo_png
        >>> png_size(encode_photo_png(np.zeros((30, 40, 3), np.uint8)))
        (30, 40)
    """
    head = _read_png(bytes(data[:33]))
    return head.height, head.width


def _plain_size(data: bytes | memoryview) -> tuple[int, int] | None:
    """The size in a JPEG of few segments with nothing between them; None for any other."""
    size, pos = None, 2
    if bytes(data[:2]) != b"\xff\xd8":
        return None
    for _ in range(_FEW_SEGMENTS):
        if pos + 10 > len(data) or data[pos] != 0xFF or data[pos + 1] not in _WITH_LENGTH:
            return None
        marker, stop = data[pos + 1], pos + 2 + (data[pos + 2] << 8 | data[pos + 3])
        if stop < pos + 4 or stop > len(data):
            return None
        if marker in FRAME_HEADERS:
            if size is not None or stop < pos + 10 + 3 * data[pos + 9]:
                return None
            size = (data[pos + 5] << 8 | data[pos + 6], data[pos + 7] << 8 | data[pos + 8])
        if marker == 0xDA:  # the scan
            return size
        pos = stop
    return None


def _walked_size(data: bytes) -> tuple[int, int]:
    """The size in any JPEG that `jpeg_layout` can walk."""
    layout = jpeg_layout(data) if data[:2] == b"\xff\xd8" else JpegLayout((), 0, clean=False)
    frame = _frame(data, layout)[1]
    if not layout.scan:
        raise ImageFault("bad-header", "a JPEG without image data")
    return int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")


def _frame(data: bytes, layout: JpegLayout) -> tuple[int, bytes]:
    """The marker and the content of a JPEG's one frame header."""
    frames = [s for s in layout.segments if s.kind[0] in FRAME_HEADERS]
    if len(frames) != 1:
        raise ImageFault("bad-header", f"{len(frames)} JPEG frame headers, one expected")
    marker, frame = frames[0].kind[0], data[frames[0].start : frames[0].stop]
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        raise ImageFault("bad-header", f"a JPEG frame header of {len(frame)} bytes")
    return marker, frame


def _read_jpeg(data: bytes) -> Header:
    layout = jpeg_layout(data)
    marker, frame = _frame(data, layout)
    orientation, upright = _jpeg_orientation(data, layout)
    progressive, scan_header = marker == 0xC2, layout.segments[-1]
    whole = 0 < layout.scan <= _MAX_METADATA_BYTES
    # A sequential JPEG in one scan per component is legal, rare, and not read by every decoder.
    whole = whole and (progressive or data[scan_header.start] == frame[5])
    ordinary = marker <= 0xC2 and frame[0] == 8 and _ordinary_colors(data, layout, frame)
    return Header(
        format="jpeg",
        width=int.from_bytes(frame[3:5], "big"),
        height=int.from_bytes(frame[1:3], "big"),
        components=frame[5],
        bits=frame[0],
        plain=ordinary and upright and layout.clean and whole,
        orientation=orientation,
        scan=layout.scan,
        progressive=progressive,
    )


def _jpeg_orientation(data: bytes, layout: JpegLayout) -> tuple[int, bool]:
    """The EXIF orientation, and whether all readers agree that the image is upright as stored."""
    blocks = [data[s.start : s.stop] for s in layout.segments if s.kind == b"\xe1"]
    exif = [b for b in blocks if b[:4] == b"Exif"]
    orientation, clean = exif_orientation(exif[0]) if exif else (1, True)
    xmp = [int(v) for b in blocks if b.startswith(_XMP_NAME) for v in _XMP_ORIENTATION.findall(b)]
    agreed = clean and len(exif) <= 1 and all(b[:6] == b"Exif\0\0" for b in exif)
    return orientation, agreed and orientation == 1 and all(v == 1 for v in xmp)


def _ordinary_colors(data: bytes, layout: JpegLayout, frame: bytes) -> bool:
    """Whether the values are gray or YCbCr by every rule in use (JFIF, Adobe, component names)."""
    if frame[5] == 1:
        return True
    adobe = [data[s.start : s.stop] for s in layout.segments if s.kind == b"\xee"]
    transforms = [b[11] if len(b) > 11 else -1 for b in adobe if b[:5] == b"Adobe"]
    return frame[5] == 3 and frame[6:15:3] != b"RGB" and all(t == 1 for t in transforms)


_PNG_COMPONENTS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CHUNKS_SEARCHED_AFTER_IMAGE = 64


def _read_png(data: bytes) -> Header:
    head = Block(b"IHDR", 16, 29)
    if data[8:16] != b"\0\0\0\rIHDR" or len(data) < 33 or not png_checksum_holds(data, head):
        raise ImageFault("bad-header", "the PNG does not begin with a whole header chunk")
    bits, color, compression, filtering, interlace = data[24:29]
    if bits not in _PNG_BITS.get(color, ()) or compression or filtering or interlace > 1:
        # The specification spells it so.
        raise ImageFault("bad-header", f"PNG colour type {color} with {bits} bits is not defined")
    return Header(
        format="png",
        width=int.from_bytes(data[16:20], "big"),
        height=int.from_bytes(data[20:24], "big"),
        components=_PNG_COMPONENTS[color],
        bits=bits,
        plain=False,
        orientation=_png_orientation(data),
    )


def _png_orientation(data: bytes) -> int:
    """Orientation in the eXIf chunk, which may stand on either side of the image data."""
    behind = 0
    for chunk in png_chunks(data):
        if chunk.kind == b"eXIf":
            return exif_orientation(data[chunk.start : chunk.stop])[0]
        if chunk.kind == b"IDAT":
            behind = 1
        elif behind:
            behind += 1
        if chunk.kind == b"IEND" or behind > _CHUNKS_SEARCHED_AFTER_IMAGE:
            break
    return 1


def _read_webp(data: bytes) -> Header:
    if data[:4] != b"RIFF" or len(data) < 25:
        raise ImageFault("bad-header", f"{len(data)} bytes of WebP")
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a" and len(body) == 10:
        width, height = (int.from_bytes(body[i : i + 2], "little") & 0x3FFF for i in (6, 8))
        components = 3
    elif kind == b"VP8L" and body[0] == 0x2F:
        packed = int.from_bytes(body[1:5], "little")
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        components = 3 + (packed >> 28 & 1)
    elif kind == b"VP8X" and len(body) == 10:
        width, height = (int.from_bytes(body[i : i + 3], "little") + 1 for i in (4, 7))
        components = 3 + (body[0] >> 4 & 1)
    else:
        raise ImageFault("bad-header", "no WebP image header behind the RIFF header")
    return Header("webp", width, height, components, 8, plain=False, orientation=_webp_orientation(data))


def _webp_orientation(data: bytes) -> int:
    for chunk in webp_chunks(data):
        if chunk.kind == b"EXIF":
            return exif_orientation(data[chunk.start : chunk.stop])[0]
    return 1


_READERS: tuple[tuple[bytes, int, Callable[[bytes], Header]], ...] = (
    (b"\xff\xd8", 0, _read_jpeg),
    (PNG_MAGIC, 0, _read_png),
    (b"WEBP", 8, _read_webp),
)

_OTHER_FORMATS: tuple[tuple[bytes, int, str], ...] = (
    (b"GIF8", 0, "GIF"),
    (b"BM", 0, "BMP"),
    (b"II*\0", 0, "TIFF"),
    (b"MM\0*", 0, "TIFF"),
    (b"ftypavi", 4, "AVIF"),
    (b"ftyphe", 4, "HEIC"),
    (b"ftypmif1", 4, "HEIC or AVIF"),
    (b"\0\0\1\0", 0, "ICO"),
    (b"\0\0\0\x0cjP  ", 0, "JPEG 2000"),
    (b"\xff\x4f\xff\x51", 0, "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", 0, "JPEG XL"),
    (b"\xff\x0a", 0, "JPEG XL"),
    (b"8BPS", 0, "PSD"),
    (b"%PDF", 0, "PDF"),
    (b"PK\3\4", 0, "ZIP"),
    (b"\x1f\x8b", 0, "gzip"),
)


def _describe(data: bytes) -> str:
    """Words for a file that is none of the three formats."""
    if not data:
        return "the file is empty"
    for magic, at, name in _OTHER_FORMATS:
        if data[at : at + len(magic)] == magic:
            return f"looks like {name}"
    text = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "looks like HTML"
    if text.startswith((b"<?xml", b"<svg")):
        return "looks like XML or SVG"
    return f"begins with {data[:8].hex(' ')}"
