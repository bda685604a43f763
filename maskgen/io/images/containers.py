"""The block structure of JPEG, PNG and WebP files, walked within fixed bounds and without any library."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from maskgen.errors import ImageFault

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BLOCKS = 65_536
"""Most chunks walked in one PNG or WebP file: 64 MiB in chunks of 1 KiB still pass."""

MAX_SEGMENTS = 16_384
"""Most segments walked before a JPEG's image data: 1 GiB of metadata in full segments."""

MAX_JUNK_BYTES = 65_536
"""Most bytes skipped in search of the next JPEG segment."""

_MAX_PALETTE_BYTES = 768

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Marker bytes of the JPEG segments that name the size and the kind of coding."""

_SOI, _EOI, _SOS, _DHT, _APP0, _APP14, _COM = 0xD8, 0xD9, 0xDA, 0xC4, 0xE0, 0xEE, 0xFE
_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC9})
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, _EOI + 1)})
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
# In a scan, 0xFF is data when 0x00 follows, and 0xD0..0xD7 restart it; anything else ends it.
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_BETWEEN_SCANS = frozenset({0xC4, 0xCC, *range(_SOS, 0xDE), *range(_APP0, 0xF0), _COM})


class Block(NamedTuple):
    """One JPEG segment, PNG chunk or WebP chunk: its kind and its payload ``data[start:stop]``."""

    kind: bytes
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class JpegLayout:
    """The segments of a JPEG before its first scan.

    Args:
        segments: in file order, the marker byte as `kind`; the last one is the scan header.
        scan: offset of the first entropy-coded byte; 0 when the file ends before it.
        clean: whether the segments follow each other with nothing in between.
    """

    segments: tuple[Block, ...]
    scan: int
    clean: bool


def jpeg_layout(data: bytes) -> JpegLayout:
    """Walk a JPEG's markers up to its first scan; bytes between segments are skipped, as libjpeg does.

    Raises:
        ImageFault: ``bad-header``, more than `MAX_SEGMENTS` segments.
    """
    segments: list[Block] = []
    pos, clean = 2, True
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, pos, pos + MAX_JUNK_BYTES)
        if found is None:
            return JpegLayout(tuple(segments), 0, clean)
        clean = clean and found.start() == pos
        pos = found.end()
        marker = data[pos - 1]
        if marker == _EOI:
            return JpegLayout(tuple(segments), 0, clean)
        if marker in _WITHOUT_LENGTH:
            clean = False
            continue
        stop = _segment_stop(data, pos)
        if not stop:
            return JpegLayout(tuple(segments), 0, clean)
        segments.append(Block(data[pos - 1 : pos], pos + 2, stop))
        if marker == _SOS:
            return JpegLayout(tuple(segments), stop, clean)
        pos = stop
    raise ImageFault("bad-header", f"more than {MAX_SEGMENTS} JPEG segments before the image data")


def jpeg_end(data: bytes, scan: int, progressive: bool) -> tuple[int, bool]:
    """Where a JPEG ends, and whether nothing stands in its scans that does not belong there.

    Decoders differ on stray markers: some give up, some return the picture as far as it went.

    Args:
        data: the whole file.
        scan: offset of the first entropy-coded byte; 0 when there is none.
        progressive: whether further tables and scans may follow the first.

    Returns:
        The offset behind the end-of-image marker that closes the scans, 0 when there is none;
        and False when a marker was met that has no place behind a scan.
    """
    pos, clean = scan, True
    while pos and (found := _AFTER_SCAN.search(data, pos)):
        marker = data[found.end() - 1]
        if marker == _EOI:
            return found.end(), clean
        known = marker in _BETWEEN_SCANS
        pos = _segment_stop(data, found.end()) if known else found.end()
        clean = clean and known and progressive
    return 0, clean


def _segment_stop(data: bytes, pos: int) -> int:
    """End of the JPEG segment whose length field is at `pos`; 0 when it is cut or impossible."""
    if pos + 2 > len(data):
        return 0
    length = int.from_bytes(data[pos : pos + 2], "big")
    return pos + length if length >= 2 and pos + length <= len(data) else 0


def strip_jpeg(data: bytes, layout: JpegLayout, end: int) -> bytes:
    """The same image without metadata: only JFIF and Adobe markers (they fix the colors) are kept."""
    parts = [b"\xff\xd8"]
    for kind, start, stop in layout.segments[:-1]:
        marker = kind[0]
        if not (_APP0 <= marker <= 0xEF or marker == _COM) or marker in (_APP0, _APP14):
            parts += [b"\xff" + kind, data[start - 2 : stop]]
    parts.append(data[layout.segments[-1].start - 4 : end])
    return b"".join(parts)


def mend_jpeg_header(data: bytes) -> bytes:
    """The same JPEG without the oddities of its header that libjpeg warns of and that cost no pixel.

    A JFIF version other than 1, a color transform that Adobe never defined, and a sequential scan that
    is said to hold some of the coefficients become what libjpeg takes them for.

    Args:
        data: of `strip_jpeg`.
    """
    mended, frame, components = bytearray(data), 0, 0
    for kind, start, stop in jpeg_layout(data).segments:
        marker, payload = kind[0], data[start:stop]
        if marker in FRAME_HEADERS and len(payload) > 5:
            frame, components = marker, payload[5]
        elif marker == _APP0 and payload[:5] == b"JFIF\0" and len(payload) > 5:
            mended[start + 5] = 1
        elif marker == _SOS and frame in _SEQUENTIAL and payload and len(payload) == 4 + 2 * payload[0]:
            mended[stop - 3 : stop] = b"\0\x3f\0"
    for kind, start, stop in jpeg_layout(data).segments:
        payload = data[start:stop]
        if kind[0] == _APP14 and payload[:5] == b"Adobe" and len(payload) > 11 and payload[11] > 2:
            mended[start + 11] = 1 if components == 3 else 2
    return bytes(mended)


def jpeg_zero_symbol(data: bytes, layout: JpegLayout) -> int:
    """What zero bits stand for among the first component's coefficients (ITU T.81, C and F.1.2.2).

    Returns:
        The symbol of the shortest AC code: 16 times the zeros that it skips plus the bits of the coefficient.
        0 is the end of a block, and also when the first scan does not hold all components or the table.
    """
    scan = data[layout.segments[-1].start : layout.segments[-1].stop]
    frames = [data[s.start + 5] for s in layout.segments if s.kind[0] in FRAME_HEADERS]
    if len(scan) < 3 or frames != [scan[0]]:
        return 0
    wanted, symbol = 0x10 | (scan[2] & 0x0F), 0
    for kind, start, stop in layout.segments:
        table = start
        while kind[0] == _DHT and table + 17 < stop:
            count = sum(data[table + 1 : table + 17])
            if data[table] == wanted and count:
                symbol = data[table + 17]
            table += 17 + count
    return symbol


def png_chunks(data: bytes) -> Iterator[Block]:
    """Every complete chunk of a PNG in file order, its checksum's presence but not its value assured.

    Raises:
        ImageFault: ``bad-header``, more than `MAX_BLOCKS` chunks.
    """
    pos = len(PNG_MAGIC)
    for _ in range(MAX_BLOCKS):
        if pos + 12 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, pos)
        stop = pos + 8 + length
        if stop + 4 > len(data):
            return
        yield Block(kind, pos + 8, stop)
        pos = stop + 4
    raise ImageFault("bad-header", f"more than {MAX_BLOCKS} PNG chunks")


def png_checksum_holds(data: bytes, chunk: Block) -> bool:
    """Whether a PNG chunk's stored CRC-32 is that of its kind and payload."""
    stored = int.from_bytes(data[chunk.stop : chunk.stop + 4], "big")
    return zlib.crc32(memoryview(data)[chunk.start - 4 : chunk.stop]) == stored


def strip_png(data: bytes) -> tuple[bytes, list[Block]]:
    """The PNG's still image without text, profiles and frames, and its image-data chunks in `data`.

    The palette's transparency stays; a transparent color of gray and RGB images is left to the caller.

    Raises:
        ImageFault: ``truncated``, the image data or the end chunk is cut; ``undecodable``, a kept
            chunk fails its checksum; ``bad-header``, too many chunks.
    """
    image_data: list[Block] = []
    kept: list[Block] = []
    wanted = (b"IHDR", b"PLTE", b"tRNS") if data[25] == 3 else (b"IHDR", b"PLTE")
    for chunk in png_chunks(data):
        if chunk.kind == b"IDAT":
            image_data.append(chunk)
        elif image_data:
            break
        elif chunk.kind in wanted and (chunk.kind != b"IHDR" or not kept):
            kept.append(chunk)
    if not image_data or data.find(b"\0\0\0\0IEND", image_data[-1].stop) < 0:
        raise ImageFault("truncated", f"no end chunk in {len(data)} bytes of PNG")
    if any(chunk.stop - chunk.start > _MAX_PALETTE_BYTES for chunk in kept):
        raise ImageFault("undecodable", f"a PNG palette of more than {_MAX_PALETTE_BYTES} bytes")
    for chunk in kept + image_data:
        if not png_checksum_holds(data, chunk):
            raise ImageFault("undecodable", f"the PNG chunk {chunk.kind.decode()} fails its checksum")
    parts = [data[c.start - 8 : c.stop + 4] for c in kept + image_data]
    return b"".join([PNG_MAGIC, *parts, b"\0\0\0\0IEND\xae\x42\x60\x82"]), image_data


def webp_chunks(data: bytes) -> Iterator[Block]:
    """Every complete chunk of a WebP file in file order.

    Raises:
        ImageFault: ``bad-header``, more than `MAX_BLOCKS` chunks.
    """
    pos, end = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    for _ in range(MAX_BLOCKS):
        if pos + 8 > end:
            return
        kind, length = struct.unpack_from("<4sI", data, pos)
        if pos + 8 + length > end:
            return
        yield Block(kind, pos + 8, pos + 8 + length)
        pos += 8 + length + length % 2
    raise ImageFault("bad-header", f"more than {MAX_BLOCKS} WebP chunks")


def strip_webp(data: bytes) -> bytes:
    """The WebP's still image, or its first frame on its canvas, without profile and metadata.

    Raises:
        ImageFault: ``truncated``, the file is shorter than it says or holds no image.
    """
    size = 8 + int.from_bytes(data[4:8], "little")
    if size > len(data):
        raise ImageFault("truncated", f"{len(data)} of {size} bytes of WebP")
    parts: list[bytes] = []
    for kind, start, stop in webp_chunks(data):
        payload = data[start:stop]
        if kind == b"VP8X":
            payload = bytes([payload[0] & 0x12]) + payload[1:]  # alpha and animation; no profile, EXIF, XMP
        elif kind not in (b"ALPH", b"VP8 ", b"VP8L", b"ANIM", b"ANMF"):
            continue
        parts += [kind, struct.pack("<I", stop - start), payload, b"\0" * ((stop - start) % 2)]
        if kind in (b"VP8 ", b"VP8L", b"ANMF"):
            body = b"WEBP" + b"".join(parts)
            return b"RIFF" + struct.pack("<I", len(body)) + body
    raise ImageFault("truncated", "no complete WebP image or frame")


def shorten_webp(data: bytes, count: int) -> bytes:
    """A WebP file without the last bytes of its picture; empty for an animation, or where it has no more.

    Args:
        data: of `strip_webp`.
        count: bytes to leave out.
    """
    last = list(webp_chunks(data))[-1]
    length = last.stop - last.start - count
    if last.kind not in (b"VP8 ", b"VP8L") or length < count:
        return b""
    body = data[8 : last.start - 4] + struct.pack("<I", length) + data[last.start : last.start + length]
    body += b"\0" * (length % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def exif_orientation(block: bytes) -> tuple[int, bool]:
    """The orientation in an EXIF block and whether every reader must find the same one there.

    Args:
        block: a TIFF structure, with or without the six bytes ``Exif`` and two zeros before it.

    Returns:
        (1..8, True) when the first directory lies inside the block and holds at most one, well-formed
        orientation; otherwise the best guess and False.
    """
    tiff = block[6:] if block[:6] == b"Exif\0\0" else block
    if tiff[:4] not in (b"II*\0", b"MM\0*") or len(tiff) < 10:
        return 1, False
    order = "<" if tiff[:1] == b"I" else ">"
    (directory,) = struct.unpack_from(order + "I", tiff, 4)
    if directory < 8 or directory + 2 > len(tiff):
        return 1, False
    (count,) = struct.unpack_from(order + "H", tiff, directory)
    inside = min(count, (len(tiff) - directory - 2) // 12)
    found: list[tuple[int, bool]] = []
    for entry in range(directory + 2, directory + 2 + 12 * inside, 12):
        tag, kind, number, value = struct.unpack_from(order + "HHIH", tiff, entry)
        if tag == 0x0112:
            # Cameras without a sensor write 0, "unknown", which all readers take as upright.
            found.append((value, kind == 3 and number == 1 and value <= 8))
    if not found:
        return 1, inside == count
    value, well_formed = found[0]
    return (value if 1 <= value <= 8 else 1), well_formed and inside == count and len(found) == 1
