"""JPEG pixels, and whether some of them are lost: what libjpeg warns of and then fills with a guess."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import simplejpeg
from PIL.JpegImagePlugin import JpegImageFile

from maskgen.errors import ImageFault

from .containers import jpeg_end, jpeg_layout, jpeg_zero_symbol, mend_jpeg_header, strip_jpeg

if TYPE_CHECKING:
    from maskgen.types import RGB

    from .header import Header

_EOI = b"\xff\xd9"
_HOLE = bytes(256)  # half a sector
_END_OF_BLOCK = 0
_UNUSUAL_SAMPLING = "subsampling level"  # what TurboJPEG says of chroma of a size that it has no name for


@dataclass(frozen=True, slots=True, eq=False)
class Jpeg:
    """A decoded JPEG.

    Args:
        image: (H, W, 3) uint8 RGB as stored, not turned.
        verbatim: whether every reader shows the file's bytes alike.
        damage: how a part of the picture was lost; empty for a sound file.
    """

    image: RGB
    verbatim: bool
    damage: str = ""


def decode_jpeg(data: bytes, header: Header, *, accept_damaged: bool = False) -> Jpeg:
    """The pixels of a JPEG file: sound, or refused.

    libjpeg warns of lost data (a bad code, a scan that ends early, bytes left over before a marker, a
    restart out of order), fills the place with a guess and goes on, and most readers drop the warning.
    Here it is an error. What it says of metadata alone is none. Holes of zeros are looked for apart, because
    some of them decode. Only chroma of an unusual size, which TurboJPEG does not take, goes unchecked.

    Args:
        data: the whole file.
        header: what it says about itself.
        accept_damaged: give what can be decoded of a damaged or cut picture, with the damage named.

    Raises:
        ImageFault: ``truncated`` (no end-of-image marker), ``damaged`` or ``undecodable``.

    Example:
        >>> import numpy as np
        >>> from maskgen.io.images.encode import encode_jpeg
        >>> from maskgen.io.images.header import read_header
        >>> from maskgen.io.images.jpeg import decode_jpeg
        >>> data = encode_jpeg(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8), 90)
        >>> decode_jpeg(data, read_header(data)).damage
        ''
        >>> cut = data[:2000] + data[-2:]
        >>> decode_jpeg(cut, read_header(cut), accept_damaged=True).damage
        'Corrupt JPEG data: premature end of data segment'
    """
    end, clean = jpeg_end(data, header.scan, header.progressive)
    damage = ""
    if not end:
        damage = f"no end-of-image marker in {len(data)} bytes of JPEG"
        if not (accept_damaged and header.scan):
            raise ImageFault("truncated", damage)
        data, end = data + _EOI, len(data) + len(_EOI)
    elif _has_hole(data, header, end):
        damage = f"{len(_HOLE)} or more zeros in the image data"
    elif header.plain and clean:
        try:
            return Jpeg(_decode(data, header, strict=True), verbatim=True)
        except ValueError:  # its metadata may be all that is wrong
            pass
    bare = mend_jpeg_header(strip_jpeg(data, jpeg_layout(data), end))
    image, found = _decode_bare(bare, header)
    damage = damage or found
    if damage and not accept_damaged:
        raise ImageFault("damaged", damage)
    return Jpeg(image, header.plain and clean and not damage, damage)


def _decode_bare(bare: bytes, header: Header) -> tuple[RGB, str]:
    """The pixels of a JPEG without metadata, and what libjpeg warns of."""
    try:
        return _decode(bare, header, strict=True), ""
    except ValueError as error:
        told = str(error)
    if _UNUSUAL_SAMPLING in told:
        return _by_pillow(bare), ""
    try:
        return _decode(bare, header, strict=False), told
    except ValueError as error:
        raise ImageFault("undecodable", str(error)[:200]) from error


def _decode(data: bytes, header: Header, *, strict: bool) -> RGB:
    """(H, W, 3) uint8 RGB.

    Raises:
        ValueError: TurboJPEG gave up; where `strict`, also when it warns.
    """
    if header.components in (1, 3):
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", strict=strict), np.uint8)
    if header.components == 4:  # TurboJPEG does not know what Adobe inverts
        simplejpeg.decode_jpeg(data, "CMYK", strict=strict)
    return _by_pillow(data)


def _by_pillow(data: bytes) -> RGB:
    return np.array(JpegImageFile(io.BytesIO(data)).convert("RGB"), np.uint8)


def _has_hole(data: bytes, header: Header, end: int) -> bool:
    """Whether zeros stand in the scan of a sequential JPEG, which ends at `end`, that no encoder writes.

    A sector that was lost reads as zeros. Where the first component's shortest code is not the end of a
    block, these are blocks in a row without a single zero coefficient, which is no picture; and they decode
    without a warning when they happen to be as many as those that were lost.
    """
    if header.progressive or data.find(_HOLE, header.scan, end) < 0:
        return False
    return jpeg_zero_symbol(data, jpeg_layout(data)) != _END_OF_BLOCK
