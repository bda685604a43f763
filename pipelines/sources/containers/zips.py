"""The list of a zip file's members, bounded; one member is read by `maskgen.io.zip_member`.

Layout after PKWARE's APPNOTE 6.3.10 (central directory 4.3.12, zip64 4.3.14).
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from typing import NamedTuple

from maskgen.errors import SourceFault
from maskgen.io.storage.location import Location
from maskgen.io.storage.reading import open_bytes
from maskgen.io.tars import ReadAt
from maskgen.io.zip_member import ENCRYPTED, STORED_OR_DEFLATED, member_name

MAX_MEMBERS = 4_000_000
_CHUNK_BYTES = 1 << 18
_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_FULL = 0xFFFFFFFF


class ZipMember(NamedTuple):
    """One stored or deflated file: its name, the offset of its local header, its declared size in bytes."""

    name: str
    offset: int
    size: int
    plain: bool


def zip_members(path: Location) -> Iterator[ZipMember]:
    """The members in the order of the central directory, folders left out.

    Raises:
        SourceFault: the directory is truncated, inconsistent, encrypted or cannot be read.
    """
    try:
        with open_bytes(path) as file:
            yield from _central(file.read_at, file.length(), str(path))
    except OSError as error:
        raise _fault(str(path), str(error.strerror)) from error
    except struct.error as error:
        raise _fault(str(path), f"the zip directory is cut short ({error})") from error


def _fault(where: str, cause: str) -> SourceFault:
    return SourceFault("cannot read a zip file", where=where, cause=cause, remedy="download the file again")


def _central(read_at: ReadAt, end: int, where: str) -> Iterator[ZipMember]:
    count, size, position = _directory(read_at, end, where)
    if count > MAX_MEMBERS:
        raise _fault(where, f"{count} members, cap {MAX_MEMBERS}")
    stop = position + size
    if stop > end:
        raise _fault(where, "the zip directory lies beyond the end of the file")
    window, base = b"", position
    for _ in range(count):
        if position + _CENTRAL.size + 3 * 0xFFFF > base + len(window) and base + len(window) < stop:
            base, window = position, read_at(position, min(_CHUNK_BYTES * 4, stop - position))
        member, length = _central_record(window, position - base, where)
        position += length
        if member.offset >= end:
            raise _fault(where, f"member {member.name!r} lies beyond the end of the file")
        if not member.name.endswith("/"):
            yield member
    if position != stop:
        raise _fault(where, f"the zip directory does not hold the {count} members it states")


def _directory(read_at: ReadAt, end: int, where: str) -> tuple[int, int, int]:
    """Members, size and offset of the central directory."""
    start = max(0, end - _END.size - 0xFFFF)
    tail = read_at(start, end - start)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        raise _fault(where, "no zip directory at its end, so it is no zip file or a truncated one")
    _, _, _, _, count, size, offset, _ = _END.unpack(tail[at : at + _END.size])
    if _FULL in (size, offset) or count == 0xFFFF:
        locator = read_at(max(0, start + at - _END64_LOCATOR.size), _END64_LOCATOR.size)
        if locator[:4] == b"PK\x06\x07":
            record = read_at(_END64_LOCATOR.unpack(locator)[2], _END64.size)
            if record[:4] != b"PK\x06\x06":
                raise _fault(where, "its zip64 directory is not where it should be")
            _, _, _, _, _, _, _, count, size, offset = _END64.unpack(record)
    return count, size, offset


def _central_record(window: bytes, at: int, where: str) -> tuple[ZipMember, int]:
    fields = _CENTRAL.unpack_from(window, at)
    signature, made_by, _, flags, method = fields[:5]
    packed, size, name_bytes, extra_bytes, comment_bytes = fields[8:13]
    attributes, offset = fields[15:17]
    name_start = at + _CENTRAL.size
    name_end = name_start + name_bytes
    if signature != b"PK\x01\x02" or name_end + extra_bytes + comment_bytes > len(window):
        raise _fault(where, "a record of the zip directory is damaged")
    name = member_name(window[name_start:name_end], flags)
    size, _, offset = _wide(window[name_end : name_end + extra_bytes], [size, packed, offset])
    if flags & ENCRYPTED or method not in STORED_OR_DEFLATED:
        raise _fault(where, f"member {name!r} is encrypted or packed with method {method}")
    if name.startswith("/") or ".." in name.split("/") or not name or "\0" in name:
        raise _fault(where, f"member {name!r} points outside the archive")
    unix_mode = attributes >> 16 if made_by >> 8 == 3 else 0
    plain = stat.S_IFMT(unix_mode) in (0, stat.S_IFREG)
    return ZipMember(name, offset, size, plain), name_end + extra_bytes + comment_bytes - at


def _wide(extra: bytes, values: list[int]) -> list[int]:
    """Sizes and offset, those that are full (2**32-1) taken from the zip64 extra field in its order."""
    while len(extra) >= 4:
        kind, length = struct.unpack("<2H", extra[:4])
        body = extra[4 : 4 + length]
        for place, value in enumerate(values):
            if kind == 1 and value == _FULL and len(body) >= 8:
                values[place], body = int.from_bytes(body[:8], "little"), body[8:]
        extra = extra[4 + length :]
    return values
