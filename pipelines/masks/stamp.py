"""How a PNG was made, in the PNG itself: what tells a finished mask from one of other settings or photos.

A text chunk with the keyword ``maskgen`` right behind the header (PNG specification, section 11.3.4.3), which
every reader of PNGs passes over.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskgen.io.regular import open_regular

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_BYTES = len(_SIGNATURE) + 25  # the signature and IHDR
_END = b"\0\0\0\0IEND\xaeB`\x82"
_KEYWORD = b"maskgen\0"
_MAX_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a picture was made of.

    Args:
        settings: everything but the photo that its pixels depend on, as JSON values.
        photo_sha256: of the photo's file, hex.
    """

    settings: dict[str, Any]
    photo_sha256: str

    def put_on(self, png: bytes) -> bytes:
        """The PNG with this stamp.

        Example:
            >>> import numpy as np
            >>> from maskgen.io.images.encode import encode_mask_png
            >>> png = encode_mask_png(np.zeros((2, 2), np.uint8), binary=False)
            >>> Stamp({"method": "fast"}, "0" * 64).put_on(png)[37:45]
            b'tEXtmask'
        """
        facts = {"photo_sha256": self.photo_sha256, "settings": self.settings}
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        body = b"tEXt" + _KEYWORD + text.encode()
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return png[:_HEADER_BYTES] + chunk + png[_HEADER_BYTES:]


def read_stamp(path: Path) -> tuple[Stamp | None, bool]:
    """The stamp of a file that is there, and whether the file ends as a PNG does.

    Returns:
        None where there is no stamp; an empty file, as a power failure leaves it, has none.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        head = file.read(_HEADER_BYTES + 8)
        length = int.from_bytes(head[_HEADER_BYTES : _HEADER_BYTES + 4])
        if head[: len(_SIGNATURE)] != _SIGNATURE or head[-4:] != b"tEXt" or length > _MAX_BYTES:
            return None, False
        text, crc = file.read(length), file.read(4)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(_END)))
        is_whole = file.read() == _END
    if not text.startswith(_KEYWORD) or crc != struct.pack(">I", zlib.crc32(b"tEXt" + text)):
        return None, is_whole
    try:
        facts = json.loads(text[len(_KEYWORD) :])
        return Stamp(dict(facts["settings"]), str(facts["photo_sha256"])), is_whole
    except (ValueError, TypeError, KeyError):  # the keyword of another program
        return None, is_whole
