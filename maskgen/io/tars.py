"""A strict and bounded walk of tar members: names and byte ranges, nothing extracted, nothing written.

Reads ustar, old v7, GNU long names and PAX headers (POSIX.1-2024, pax interchange format). What is doubtful
is refused with a reason: wrong checksums, sizes beyond the file, names that leave the archive, no end marker
or half of one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from ..errors import SourceFault

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""``(offset, size) -> bytes``; short only at the end."""

BLOCK_BYTES = 512
MAX_MEMBERS = 8_000_000
_MAX_HEADER_BYTES = 1 << 20
_MAX_NAME_BYTES = 4096
_MAX_TAIL_BYTES = 4 << 20
_MAX_EXTENSIONS = 8
_MAX_MEMBER_BYTES = 1 << 50
_GNU_SPARSE = "S"
_MORE_IN_HEADER, _MORE_IN_BLOCK = 482, 504
"""Bytes that are not zero when another block of the map of a sparse file follows."""
_OCTAL = re.compile(rb"[ \0]*([0-7]*)[ \0]*")
_REGULAR = "0\x007"
"""Type flags of plain files (7: contiguous), NUL in old archives."""
_NO_DATA = "123456"
"""Links, devices, folders and pipes: their size field never means bytes that follow."""


class TarMember(NamedTuple):
    """One member: its name, the offset and size of its bytes, and what it is.

    A sparse file is not plain: only its parts that are not zero lie in the archive.
    """

    name: str
    offset: int
    size: int
    plain: bool
    folder: bool
    sparse: bool = False


@dataclass(slots=True)
class _Extended:
    """What GNU and PAX headers say about the member that follows them."""

    values: dict[str, str] = field(default_factory=dict)
    count: int = 0


def slice_reader(descriptor: int) -> ReadAt:
    """Positioned reads of an open file that do not stop at a short read."""

    def read_at(offset: int, size: int) -> bytes:
        data = os.pread(descriptor, size, offset)
        while 0 < len(data) < size:
            more = os.pread(descriptor, size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    return read_at


def walk(
    read_at: ReadAt,
    where: str,
    *,
    start: int = 0,
    end: int | None = None,
    marked: bool = True,
    max_members: int = MAX_MEMBERS,
) -> Iterator[TarMember]:
    """The members of the tar that lies at ``start..end`` of what `read_at` reads.

    Args:
        read_at: positioned reads.
        where: the archive's name for errors.
        start: offset of the first header, bytes.
        end: offset after the archive, bytes; None when unknown (a compressed stream).
        marked: refuse an archive without its end marker; off, it may also end behind a member's content.
        max_members: refuse more.

    Raises:
        SourceFault: the archive is truncated, corrupt or hostile.
    """
    limit = start + _MAX_MEMBER_BYTES if end is None else end
    position, members, extended = start, 0, _Extended()
    while marked or extended.count or position < limit:
        header = read_at(position, BLOCK_BYTES) if position + BLOCK_BYTES <= limit else b""
        if len(header) < BLOCK_BYTES:
            raise tar_fault(where, f"truncated: no end-of-archive marker at byte {position}")
        if not header.strip(b"\0"):
            _check_end(read_at, where, position, limit, marked=marked)
            if extended.count:
                raise tar_fault(
                    where, f"an extension header at the end belongs to no member, byte {position}"
                )
            return
        kind, size = _check_header(header, where, position)
        position += BLOCK_BYTES
        if kind == _GNU_SPARSE:
            position = _skip_sparse_map(read_at, where, header, position, limit)
        if kind in "LKxg":
            _extend(extended, kind, _payload(read_at, where, position, size, limit), where)
        else:
            members += 1
            if members > max_members:
                raise tar_fault(where, f"more than {max_members} members")
            member = _member(header, kind, size, position, extended, where)
            size, extended = member.size, _Extended()
            if position + size > limit:
                raise tar_fault(
                    where, f"truncated: member {member.name!r} of {size} bytes goes beyond the end"
                )
            yield member
        position += -(-size // BLOCK_BYTES) * BLOCK_BYTES


def tar_fault(where: str, cause: str) -> SourceFault:
    """The error of an archive that cannot be read."""
    return SourceFault(
        "cannot read a tar archive", where=where, cause=cause, remedy="download or write the archive again"
    )


def _check_header(header: bytes, where: str, position: int) -> tuple[str, int]:
    """The type flag and size of a header block whose checksum holds."""
    blank = header[:148] + b" " * 8 + header[156:]
    stated, total = _number(header[148:156]), sum(blank)
    # Some old writers summed signed bytes.
    if stated != total and stated != total - 256 * sum(byte > 127 for byte in blank):
        raise tar_fault(where, f"the header checksum at byte {position} is wrong")
    size = _number(header[124:136])
    if size is None or size > _MAX_MEMBER_BYTES:
        raise tar_fault(where, f"the header at byte {position} states an impossible size")
    return chr(header[156]), size


def _number(raw: bytes) -> int | None:
    """An octal or base-256 field; None when it is neither, or negative."""
    if raw[0] == 0x80:
        return int.from_bytes(raw[1:], "big")
    match = _OCTAL.fullmatch(raw)
    return int(match[1] or b"0", 8) if match else None


def _skip_sparse_map(read_at: ReadAt, where: str, header: bytes, position: int, limit: int) -> int:
    """Where the content of an old GNU sparse file begins: blocks that its size does not count come before."""
    more = header[_MORE_IN_HEADER]
    while more:
        block = read_at(position, BLOCK_BYTES) if position + BLOCK_BYTES <= limit else b""
        if len(block) < BLOCK_BYTES:
            raise tar_fault(where, f"truncated inside the map of a sparse file at byte {position}")
        more = block[_MORE_IN_BLOCK]
        position += BLOCK_BYTES
    return position


def _payload(read_at: ReadAt, where: str, position: int, size: int, limit: int) -> bytes:
    if size > _MAX_HEADER_BYTES:
        raise tar_fault(
            where, f"an extension header of {size} bytes at byte {position}, cap {_MAX_HEADER_BYTES}"
        )
    data = read_at(position, size) if position + size <= limit else b""
    if len(data) < size:
        raise tar_fault(where, f"truncated inside an extension header at byte {position}")
    return data


def _extend(extended: _Extended, kind: str, data: bytes, where: str) -> None:
    extended.count += 1
    if extended.count > _MAX_EXTENSIONS:
        raise tar_fault(where, f"more than {_MAX_EXTENSIONS} extension headers for one member")
    if kind == "L":
        extended.values["path"] = os.fsdecode(data.rstrip(b"\0"))
    elif kind == "x":
        extended.values.update(_pax_records(data, where))
    elif kind == "g" and {"path", "size"} & _pax_records(data, where).keys():
        raise tar_fault(where, "a global header gives every member the same name or size")


def _pax_records(data: bytes, where: str) -> dict[str, str]:
    """``length key=value newline`` records, the lengths checked."""
    records, position = {}, 0
    while position < len(data):
        space = data.find(b" ", position, position + 9)
        digits = data[position:space] if space > 0 else b""
        length = int(digits) if digits.isdigit() else 0
        record = data[space + 1 : position + length]
        key, equals, value = record.partition(b"=")
        if position + length > len(data) or not equals or not value.endswith(b"\n"):
            raise tar_fault(where, "a malformed PAX header")
        records[os.fsdecode(key)] = os.fsdecode(value[:-1])
        position += length
    return records


def _member(header: bytes, kind: str, size: int, position: int, extended: _Extended, where: str) -> TarMember:
    sparse = kind == _GNU_SPARSE or any(key.startswith("GNU.sparse") for key in extended.values)
    name = extended.values.get("GNU.sparse.name") or extended.values.get("path") or _ustar_name(header)
    if "size" in extended.values:
        digits = extended.values["size"]
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 16):
            raise tar_fault(where, f"member {name!r} states the size {digits[:40]!r}")
        size = int(digits)
    folder = kind == "5" or (kind in _REGULAR and name.endswith("/"))
    _check_name(name, where)
    plain = kind in _REGULAR and not folder and not sparse
    stored = 0 if kind in _NO_DATA else size
    return TarMember(name.removeprefix("./"), position, stored, plain, folder, sparse)


def _ustar_name(header: bytes) -> str:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0] if header[257:263] == b"ustar\0" else b""
    return os.fsdecode(prefix + b"/" + name if prefix else name)


def _check_name(name: str, where: str) -> None:
    """Refuse names that are empty, overlong, absolute or climb out of the archive."""
    if not name or "\0" in name or len(name) > _MAX_NAME_BYTES:
        raise tar_fault(where, f"a member has no usable name ({name[:60]!r})")
    if name.startswith("/") or ".." in name.split("/"):
        raise tar_fault(where, f"member {name!r} points outside the archive")


def _check_end(read_at: ReadAt, where: str, position: int, limit: int, *, marked: bool) -> None:
    """The end marker is two blocks of zeros: behind one alone, members may have been lost."""
    second = read_at(position + BLOCK_BYTES, min(BLOCK_BYTES, max(0, limit - position - BLOCK_BYTES)))
    if second.strip(b"\0"):
        raise tar_fault(where, f"a lone block of zeros at byte {position}, with data behind it")
    if marked and len(second) < BLOCK_BYTES:
        raise SourceFault(
            "a tar archive ends in half an end marker, so that members may be missing",
            where=where,
            cause=f"truncated: one block of zeros at byte {position}, where two must be",
            remedy="download or write the archive again; if you know it to be whole, append 512 zero bytes",
        )
    _check_tail(read_at, where, position + 2 * BLOCK_BYTES, limit)


def _check_tail(read_at: ReadAt, where: str, position: int, limit: int) -> None:
    """After the end marker only padding may follow: data there would be lost without a word."""
    stop = min(limit, position + _MAX_TAIL_BYTES)
    while position < stop:
        data = read_at(position, min(1 << 16, stop - position))
        if data.strip(b"\0"):
            raise SourceFault(
                "a tar archive has data after its end marker",
                where=where,
                cause="archives joined with cat",
                remedy="join them with tar --concatenate, or keep them apart",
            )
        if not data:
            return
        position += len(data)
    if stop < limit and read_at(position, 1):
        raise tar_fault(where, f"more than {_MAX_TAIL_BYTES} bytes follow the end marker")
