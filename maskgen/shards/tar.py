"""Deterministic USTAR archives: a writer whose bytes depend on names and contents only, and a strict walk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ..errors import ShardFault
from ..io.storage.location import Location
from ..io.storage.reading import open_stream
from .sealed_json import MEND

BLOCK = 512
END = bytes(2 * BLOCK)
_MAX_SIZE = 8**11 - 1


class Member(NamedTuple):
    """A file inside a tar: its name, and where its content lies, bytes."""

    name: str
    offset: int
    size: int


def header(name: str, size: int) -> bytes:
    """A 512-byte USTAR header: regular file, mode 0644, owner 0, time 0.

    Args:
        name: ASCII, at most 100 bytes.
        size: content length in bytes, below 8 GiB.

    Raises:
        ValueError: the name or the size does not fit the format.
    """
    raw = name.encode("ascii")
    if not 0 < len(raw) <= 100 or not 0 <= size <= _MAX_SIZE:
        raise ValueError(f"{name!r} of {size} bytes does not fit a USTAR header")
    block = bytearray(BLOCK)
    block[0 : len(raw)] = raw
    block[100:108] = b"0000644\0"
    block[108:116] = block[116:124] = b"0000000\0"
    block[124:136] = b"%011o\0" % size
    block[136:148] = b"00000000000\0"
    block[156:157] = b"0"
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % _checksum(block)
    return bytes(block)


def _checksum(block: bytes | bytearray) -> int:
    return sum(block) - sum(block[148:156]) + 8 * 0x20


def padding(size: int) -> bytes:
    """The zero bytes that follow a content of `size` bytes."""
    return bytes(-size % BLOCK)


def walk(file: BinaryIO, where: str) -> Iterator[Member]:
    """Yield the members of an archive that `header` could have written, reading headers only.

    Raises:
        ShardFault: anything else: another format or file type, a wrong checksum, a member beyond the end,
            no end-of-archive blocks, bytes after them.
    """
    length = file.seek(0, os.SEEK_END)
    offset = 0
    while True:
        file.seek(offset)
        block = file.read(BLOCK)
        if block == END[:BLOCK]:
            break
        member = _parse(block, offset, where)
        offset = member.offset + member.size + (-member.size % BLOCK)
        if offset > length:
            raise ShardFault(
                "a tar member ends beyond the file",
                where=f"{where} {member.name}",
                cause="truncation",
                remedy=MEND,
            )
        yield member
    if length != offset + len(END) or file.read(BLOCK) != END[:BLOCK]:
        raise ShardFault(
            "the tar does not end with its two zero blocks", where=f"{where} at byte {offset}", remedy=MEND
        )


def _parse(block: bytes, offset: int, where: str) -> Member:
    place = f"{where} at byte {offset}"
    if len(block) != BLOCK:
        raise ShardFault(
            "the tar ends without its end-of-archive blocks", where=place, cause="truncation", remedy=MEND
        )
    try:
        name = block[:100].rstrip(b"\0").decode("ascii")
        size = int(block[124:135], 8)
        same = block == header(name, size)
    except ValueError as error:
        raise ShardFault("a tar header is damaged", where=place, cause=str(error), remedy=MEND) from error
    if not same:
        raise ShardFault(
            "a tar header is not one this tool writes",
            where=place,
            cause="damage or another writer",
            remedy=MEND,
        )
    return Member(name, offset + BLOCK, size)


def read_members(path: Location) -> list[Member]:
    """All members of a shard's tar, see `walk`."""
    with open_stream(path) as file:
        return list(walk(file, path.name))
