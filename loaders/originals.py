"""Headers of anybody's tars: names and places of their members, nothing extracted."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from maskgen.errors import ShardFault

_BLOCK = 512
_AHEAD = 4 * _BLOCK  # an extension header, its records and the member's own header, mostly in one read
_PLAIN = b"\x000"
_SKIPPED = b"123456"
_RECORDS = (b"path=", b"size=", b"GNU.sparse")


class Member(NamedTuple):
    """A plain file in a tar: its name without ``./``, and where its content lies, bytes."""

    name: str
    offset: int
    size: int


def walk(path: Path, start: int = 0, end: int | None = None) -> Iterator[Member]:
    """The plain files of an uncompressed tar, or of one that lies at ``start..end`` of another.

    Ordinary USTAR, v7 and GNU headers are read here, names and sizes in extension headers by the standard library's
    `tarfile`. Folders, links and special files are stepped over.

    Args:
        path: the file.
        start: offset of the first header, bytes.
        end: offset behind the archive, bytes; None for the end of the file.

    Raises:
        ShardFault: it cannot be read, a header is damaged, or a member ends beyond the archive.
    """
    try:
        with path.open("rb") as file:
            limit = os.fstat(file.fileno()).st_size if end is None else end
            yield from _members(file.fileno(), path, start, limit)
    except OSError as error:
        raise _fault(path, start, str(error)) from error


def _members(descriptor: int, path: Path, position: int, limit: int) -> Iterator[Member]:
    extended = position
    while position < limit:  # a tar that ends without its zero blocks is accepted
        ahead = os.pread(descriptor, _AHEAD, position)
        block = ahead[:_BLOCK]
        if block == bytes(_BLOCK):
            return
        size = _size(block, path, position)
        kind = block[156:157]
        if kind == b"x" and not _matters(descriptor, ahead, position, size):
            position += _BLOCK + _padded(size)
            continue
        if kind in (b"x", b"g", b"L", b"K") or size < 0:
            member, position = _by_tarfile(path, extended, limit)
        else:
            name = _name(block).removeprefix("./")
            member = Member(name, position + _BLOCK, 0 if kind in _SKIPPED else size)
            position = member.offset + _padded(member.size)
            if kind not in _PLAIN or name.endswith("/"):
                member = None
        if position > limit + _BLOCK:
            raise _fault(path, extended, "a member ends beyond the archive: truncation")
        extended = position
        if member is not None:
            if member.offset + member.size > limit:
                raise _fault(path, member.offset, "a member ends beyond the archive: truncation")
            yield member


def _padded(size: int) -> int:
    return size + -size % _BLOCK


def _size(block: bytes, path: Path, position: int) -> int:
    """The size a header states, -1 where it is not plain octal; the checksum is compared first."""
    try:
        stated = int(block[148:156].strip(b" \0") or b"0", 8)
    except ValueError:
        stated = -1
    if len(block) < _BLOCK or stated != sum(block) - sum(block[148:156]) + 8 * 0x20:
        raise _fault(path, position, "a damaged header, or no tar")
    try:
        return int(block[124:136].strip(b" \0") or b"0", 8)
    except ValueError:
        return -1


def _matters(descriptor: int, ahead: bytes, position: int, size: int) -> bool:
    """Whether a PAX header says anything that the member's own header does not."""
    records = ahead[_BLOCK : _BLOCK + size]
    if len(records) < size:
        records = os.pread(descriptor, min(size, 1 << 20), position + _BLOCK)
    return size > 1 << 20 or any(word in records for word in _RECORDS)


def _name(block: bytes) -> str:
    name, prefix = block[:100].split(b"\0", 1)[0], b""
    if block[257:263] == b"ustar\0":
        prefix = block[345:500].split(b"\0", 1)[0]
    return os.fsdecode(prefix + b"/" + name if prefix else name)


def _by_tarfile(path: Path, position: int, limit: int) -> tuple[Member | None, int]:
    """The member whose extension headers begin at `position`, and where the next one's begin."""
    try:
        with path.open("rb") as file, tarfile.TarFile(fileobj=file, mode="r") as archive:
            archive.fileobj.seek(position)
            archive.offset = position
            info = tarfile.TarInfo.fromtarfile(archive)
            following = archive.offset
    except (tarfile.TarError, ValueError) as error:
        raise _fault(path, position, str(error)) from error
    if following > limit + _BLOCK:
        raise _fault(path, position, "a member ends beyond the archive: truncation")
    if not info.isreg() or info.issparse():
        return None, following
    return Member(info.name.removeprefix("./"), info.offset_data, info.size), following


def _fault(path: Path, position: int, cause: str) -> ShardFault:
    return ShardFault(
        "cannot read a tar of photos",
        where=f"{path.name} at byte {position}",
        cause=cause,
        remedy="download or copy that tar again",
    )
