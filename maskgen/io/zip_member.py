"""One member of a zip file, found by the offset of its local header, with bounded memory.

Sizes are never believed: a member is inflated up to its declared size and refused when more comes.
Layout after PKWARE's APPNOTE 6.3.10 (local header 4.3.7).
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from ..types import ByteRef
from .tars import ReadAt

ENCRYPTED = 1
STORED_OR_DEFLATED = (0, 8)
_DEFERRED, _UTF8 = 8, 0x800
_LOCAL = struct.Struct("<4s5H3L2H")
_CHUNK_BYTES = 1 << 18


class ContainerFault(Exception):
    """A container that cannot be read: `reason` is a slug, `detail` the facts."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class Content(NamedTuple):
    """Where the bytes of a member lie.

    Args:
        offset: of the first one in the file.
        deflated: whether they are deflated, or the member's own.
        crc32: of the member; None where its header leaves that to what follows.
    """

    offset: int
    deflated: bool
    crc32: int | None


def find_content(read_at: ReadAt, ref: ByteRef) -> Content:
    """Where the bytes of one member lie, from its local header.

    Raises:
        ContainerFault: another member lies there, or one that cannot be read.
    """
    header = read_at(ref.offset, _LOCAL.size)
    if len(header) < _LOCAL.size:
        raise ContainerFault("truncated-source", f"no zip header at byte {ref.offset}")
    signature, _, flags, method, _, _, crc, _, _, name_bytes, extra_bytes = _LOCAL.unpack(header)
    if signature != b"PK\x03\x04":
        raise ContainerFault("corrupt-source", f"no zip header at byte {ref.offset}")
    name = member_name(read_at(ref.offset + _LOCAL.size, name_bytes), flags)
    if name != ref.member:
        raise ContainerFault("corrupt-source", f"zip member {name[:80]!r} lies where {ref.member!r} should")
    if flags & ENCRYPTED or method not in STORED_OR_DEFLATED:
        raise ContainerFault("unsupported-source", f"zip method {method}, flags {flags:#x}")
    offset = ref.offset + _LOCAL.size + name_bytes + extra_bytes
    return Content(offset, method != 0, None if flags & _DEFERRED else crc)


def read_member(read_at: ReadAt, ref: ByteRef) -> bytes:
    """The bytes of one member, found by the offset of its local header.

    Raises:
        ContainerFault: another member, damaged, or of another size than the reference says.
    """
    content = find_content(read_at, ref)
    data = (
        inflate(read_at, content.offset, ref.size) if content.deflated else read_at(content.offset, ref.size)
    )
    if content.crc32 is not None and len(data) == ref.size and zlib.crc32(data) != content.crc32:
        raise ContainerFault("corrupt-source", "the zip member's checksum is wrong")
    return data


def inflate(read_at: ReadAt, position: int, size: int) -> bytes:
    """A raw deflate stream that must give `size` bytes at most; never more than one byte above it is made.

    Raises:
        ContainerFault: the stream is damaged, ends early or gives more.
    """
    stream, parts, made = zlib.decompressobj(wbits=-15), [], 0
    pending = b""
    while not stream.eof:
        if not pending:
            pending = read_at(position, _CHUNK_BYTES)
            position += len(pending)
            if not pending:
                raise ContainerFault("truncated-source", "the zip member ends early")
        try:
            part = stream.decompress(pending, size - made + 1)
        except zlib.error as error:
            raise ContainerFault("corrupt-source", f"zip: {error}") from error
        pending = stream.unconsumed_tail
        parts.append(part)
        made += len(part)
        if made > size:
            raise ContainerFault(
                "corrupt-source", f"the zip member gives more than its {size} declared bytes"
            )
    return b"".join(parts)


def member_name(raw: bytes, flags: int) -> str:
    """The name of a member as its header spells it.

    Example:
        >>> from maskgen.io.zip_member import member_name
        >>> member_name("é.jpg".encode(), 0x800), member_name(b"a.jpg", 0)
        ('é.jpg', 'a.jpg')
    """
    return raw.decode("utf-8", "replace") if flags & _UTF8 else raw.decode("cp437")
