"""The table of a plan: the rows of any shard are found by its number alone, however many shards there are.

A Parquet file of 300,000 row groups is opened by reading the places of all of them, which takes a second.
Here it is cut into parts, each a Parquet file of its own with one row group for each of 64 shards, and what
lies behind them is of fixed widths: the offset of each part and of the end of the last, then the number of
parts, the shards of a part and a mark, all of them uint64, little-endian.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import ShardFault
from ..io.storage.location import Location
from ..io.storage.reading import ByteFile, open_bytes, open_part
from . import naming

ROWS = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),  # JSON
        pa.field("file", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("codec", pa.string(), nullable=False),
        pa.field("member", pa.string(), nullable=False),
    ]
)
PART_SHARDS = 64
"""Row groups of a part; its footer is read in .3 ms."""
_MARK = int.from_bytes(b"MASKPLAN", "little")
_TAIL = struct.Struct("<3Q")
_SPAN = struct.Struct("<2Q")
_FAULTS = (pa.ArrowException, OSError, ValueError, TypeError, LookupError, OverflowError, struct.error)


class Appendable(Protocol):
    """A file that grows at its end."""

    def write(self, data: bytes, /) -> object:
        """Append all of `data`."""
        ...

    def tell(self) -> int:
        """Bytes written so far."""
        ...


def render_part(shards: Iterable[pa.Table]) -> bytes:
    """The bytes of a part.

    Args:
        shards: the rows of each of its shards, of `ROWS` and in one piece of memory; `PART_SHARDS` of them
            but for the last part.
    """
    file = io.BytesIO()
    with pq.ParquetWriter(file, ROWS, compression="zstd", write_page_checksum=True) as writer:
        for rows in shards:
            writer.write_table(rows, row_group_size=rows.num_rows)
    return file.getvalue()


class TableWriter:
    """Puts the parts of a table together.

    Args:
        file: empty.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> table = TableWriter(file)
        >>> table.append(b"a part")
        >>> table.end()
        >>> file.tell()
        46
    """

    def __init__(self, file: Appendable) -> None:
        self._file = file
        self._offsets = [0]

    def append(self, part: bytes) -> None:
        """Write the next part, see `render_part`."""
        self._file.write(part)
        self._offsets.append(self._file.tell())

    def end(self) -> None:
        """Write where the parts lie."""
        self._file.write(struct.pack(f"<{len(self._offsets)}Q", *self._offsets))
        self._file.write(_TAIL.pack(len(self._offsets) - 1, PART_SHARDS, _MARK))


def write_table(file: Appendable, shards: Iterable[pa.Table]) -> None:
    """Write a whole table.

    Args:
        file: empty.
        shards: the rows of each shard, see `render_part`.
    """
    writer, remaining = TableWriter(file), iter(shards)
    while part := list(itertools.islice(remaining, PART_SHARDS)):
        writer.append(render_part(part))
    writer.end()


def table_name(output: Location) -> str:
    """The name of an output folder's table; before there were parts it was one Parquet file."""
    one = naming.WHOLE_PLAN_TABLE
    return one if not (output / naming.PLAN_TABLE).exists() and (output / one).exists() else naming.PLAN_TABLE


def is_whole(output: Location, shards: int) -> bool:
    """Whether the table of a plan of so many shards is there and not cut; no row is read."""
    try:
        with open_bytes(output / naming.PLAN_TABLE) as file:
            parts, each, _ = _tail(file)
            return -(-shards // each) == parts
    except FileNotFoundError:
        return _is_whole_file(output / naming.WHOLE_PLAN_TABLE, shards)
    except (*_FAULTS, ZeroDivisionError):
        return False


def _is_whole_file(path: Location, shards: int) -> bool:
    try:
        with open_bytes(path) as file, _parquet(open_part(file, 0, file.length())) as rows:
            return bool(rows.num_row_groups == shards)
    except _FAULTS:
        return False


@contextlib.contextmanager
def row_group(output: Location, number: int, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows of one shard; what goes wrong while they are used is a ShardFault too.

    Args:
        output: the folder of the table.
        number: of the shard.
        columns: those to read; None for all.

    Raises:
        ShardFault: the table is damaged or shorter.
    """
    name = naming.PLAN_TABLE
    try:
        try:
            file = open_bytes(output / name)
            start, end, group = _part_of(file, number)
        except FileNotFoundError:
            name = naming.WHOLE_PLAN_TABLE
            file = open_bytes(output / name)
            start, end, group = 0, file.length(), number
        with file, _parquet(open_part(file, start, end)) as rows:
            yield rows.read_row_group(group, columns=columns, use_threads=False)
    except _FAULTS as error:
        raise _unreadable(name, error) from error


def all_rows(output: Location) -> Iterator[pa.Table]:
    """The rows of every shard, in the order of the shards; one part of the table is in memory.

    Args:
        output: the folder of the table.

    Raises:
        ShardFault: the table is damaged.
    """
    name = table_name(output)
    try:
        with open_bytes(output / name) as file:
            if name == naming.WHOLE_PLAN_TABLE:
                yield from _row_groups(open_part(file, 0, file.length()))
                return
            parts, _, place = _tail(file)
            offsets = struct.unpack(f"<{parts + 1}Q", file.read_at(place, 8 * (parts + 1)))
            for start, end in itertools.pairwise(offsets):
                yield from _row_groups(io.BytesIO(file.read_at(start, end - start)))
    except _FAULTS as error:
        raise _unreadable(name, error) from error


def _row_groups(file: BinaryIO) -> Iterator[pa.Table]:
    with _parquet(file) as rows:
        for group in range(rows.num_row_groups):
            yield rows.read_row_group(group, use_threads=False)


def _unreadable(name: str, error: Exception) -> ShardFault:
    return ShardFault(
        "cannot read the plan's table",
        where=name,
        cause=str(error),
        remedy=f"copy {name} again, or run the same command with --recheck, which makes it again",
    )


def _tail(file: ByteFile) -> tuple[int, int, int]:
    """The number of parts, the shards of each, and where their offsets begin."""
    length = file.length()
    parts, each, mark = _TAIL.unpack(file.read_at(max(0, length - _TAIL.size), _TAIL.size))
    start = length - _TAIL.size - 8 * (parts + 1)
    if mark != _MARK or start < 0:
        raise ValueError("the file is cut, or is no table of a plan")
    return parts, each, start


def _part_of(file: ByteFile, number: int) -> tuple[int, int, int]:
    """Where the part of a shard begins and ends, and the shard's place in it."""
    parts, each, offsets = _tail(file)
    part, group = divmod(number, each)
    if part >= parts:
        raise IndexError(f"no shard {number} in {parts} parts of {each}")
    start, end = _SPAN.unpack(file.read_at(offsets + 8 * part, _SPAN.size))
    return start, end, group


def _parquet(file: BinaryIO) -> pq.ParquetFile:
    return pq.ParquetFile(file, pre_buffer=False, page_checksum_verification=True)
