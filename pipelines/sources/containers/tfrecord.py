"""TFRecord framing and `tf.train.Example`, read without TensorFlow or protobuf code.

Framing (tensorflow/core/lib/io/record_writer.h): uint64 length, masked CRC-32C of it, data, masked CRC-32C of
it, all little-endian. Of the message (tensorflow/core/example/{example,feature}.proto) only the path
Example.features(1).feature(1){key(1), value(2)}.{bytes,float,int64}_list(1,2,3).value(1) is walked: five
levels, no recursion, a bounded number of fields in a record.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from maskgen.errors import SourceFault
from maskgen.io.checksum import crc32c
from maskgen.io.storage.location import Location
from maskgen.io.storage.reading import open_bytes, open_stream

from .sparse import SparseBytes, Window

MAX_RECORD_BYTES = 1 << 28
MAX_FIELDS = 200_000
_MASK_DELTA = 0xA282EAD8
_VARINT, _FIXED64, _SPAN, _FIXED32 = 0, 1, 2, 5


Data: TypeAlias = "bytes | SparseBytes"
"""Of a record: all of it, or what of it is looked at."""


class Record(NamedTuple):
    """One record: its number in the file, the offset of its data in bytes, its data."""

    number: int
    offset: int
    data: Data


class Feature(NamedTuple):
    """One feature: its kind (``bytes``, ``float``, ``int64`` or empty), byte spans, integers."""

    kind: str
    spans: list[tuple[int, int]]
    integers: list[int]


def masked_crc32c(data: bytes) -> int:
    """The rotated and offset CRC-32C that TFRecord stores (tensorflow/core/lib/hash/crc32c.h)."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def records(path: Location) -> Iterator[Record]:
    """Every record of a file, both checksums verified.

    Raises:
        SourceFault: naming the file, the record and its offset; also when the file cannot be read.
    """
    with reading(path), open_stream(path) as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(0)
        position, index = 0, 0
        while header := file.read(12):
            length = _length(header, path, index, position, end)
            body = file.read(length + 4)
            if len(body) < length + 4:
                raise _fault(path, index, position, "the file ends inside the record")
            data = body[:length]
            if masked_crc32c(data) != int.from_bytes(body[length:], "little"):
                raise _fault(path, index, position, "the data's checksum is wrong")
            yield Record(index, position + 12, data)
            position, index = position + length + 16, index + 1


def record_heads(path: Location) -> Iterator[Record]:
    """Every record of a file, the checksums of their lengths verified; of the data what is looked at is read.

    What looks at it can raise OSError, see `reading`.

    Raises:
        SourceFault: as of `records`.
    """
    with reading(path), open_bytes(path) as file:
        end, window = file.length(), Window(file)
        position, index = 0, 0
        while position < end:
            length = _length(window.read(position, 12), path, index, position, end)
            yield Record(index, position + 12, SparseBytes(window, position + 12, length))
            position, index = position + length + 16, index + 1


@contextlib.contextmanager
def reading(path: Location) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a SourceFault that names it.

    Raises:
        SourceFault: it cannot be read.
    """
    try:
        yield
    except OSError as error:
        raise SourceFault(
            "cannot read a TFRecord file",
            where=str(path),
            cause=str(error.strerror),
            remedy="check that it is there and may be read",
        ) from error


def _length(header: bytes, path: Location, index: int, position: int, end: int) -> int:
    if len(header) < 12:
        raise _fault(path, index, position, "the file ends inside the record's header")
    length, crc = struct.unpack("<QL", header)
    if masked_crc32c(header[:8]) != crc:
        gzipped = index == 0 and header[:2] == b"\x1f\x8b"
        cause = (
            "the file is gzip-compressed: decompress it first"
            if gzipped
            else "the length's checksum is wrong"
        )
        raise _fault(path, index, position, cause)
    if length > MAX_RECORD_BYTES:
        raise _fault(path, index, position, f"a length of {length} bytes, cap {MAX_RECORD_BYTES}")
    if position + length + 16 > end:
        raise _fault(path, index, position, f"the file ends inside the record of {length} bytes")
    return int(length)


def _fault(path: Location, index: int, position: int, cause: str) -> SourceFault:
    return SourceFault(
        f"record {index} at byte {position} cannot be read",
        where=str(path),
        cause=cause,
        remedy="copy or write this file again",
    )


class _Message:
    """A serialized message and how many more of its fields may be looked at."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.left = MAX_FIELDS

    def spend(self, count: int = 1) -> None:
        self.left -= count
        if self.left < 0:
            raise ValueError(f"more than {MAX_FIELDS} fields in one record")


def features(data: Data, wanted: frozenset[str]) -> dict[str, Feature]:
    """The wanted features of one serialized `tf.train.Example`.

    The last of equal names counts, as in protobuf.

    Raises:
        ValueError: malformed, or with more than `MAX_FIELDS` fields.
    """
    message = _Message(data)
    return {name: _feature(message, *span) for name, span in _map(message) if name in wanted}


def feature_names(data: Data) -> list[str]:
    """The sorted names of all features of one record.

    Raises:
        ValueError: see `features`.
    """
    return sorted({name for name, _ in _map(_Message(data))})


def _map(message: _Message) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name and span of each feature."""
    for start, end in _spans(message, 0, len(message.data), 1):
        for entry_start, entry_end in _spans(message, start, end, 1):
            name, value = b"", (0, 0)
            for number, wire, first, last in _fields(message, entry_start, entry_end):
                if number == 1 and wire == _SPAN:
                    name = message.data[first:last]
                elif number == 2 and wire == _SPAN:
                    value = (first, last)
            yield name.decode("utf-8", "backslashreplace"), value


def _feature(message: _Message, start: int, end: int) -> Feature:
    """The last list set; a list split into several messages is joined."""
    kinds = {1: "bytes", 2: "float", 3: "int64"}
    found = Feature("", [], [])
    for number, wire, first, last in _fields(message, start, end):
        if wire != _SPAN or number not in kinds:
            continue
        if kinds[number] != found.kind:
            found = Feature(kinds[number], [], [])
        if found.kind == "bytes":
            found.spans.extend(_spans(message, first, last, 1))
        elif found.kind == "int64":
            found.integers.extend(_integers(message, first, last))
    return found


def _integers(message: _Message, start: int, end: int) -> Iterator[int]:
    """Signed 64-bit values, packed or not."""
    for number, wire, first, last in _fields(message, start, end):
        if number == 1 and wire == _VARINT:
            yield _signed(first)
        elif number == 1 and wire == _SPAN:
            message.spend(last - first)
            position = first
            while position < last:
                value, position = _varint(message.data, position, last)
                yield _signed(value)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _spans(message: _Message, start: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    for number, wire, first, last in _fields(message, start, end):
        if number == wanted and wire == _SPAN:
            yield first, last


def _fields(message: _Message, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, a, b): a varint's value is a; other values lie at a..b."""
    data, position = message.data, start
    while position < end:
        message.spend()
        tag, position = _varint(data, position, end)
        number, wire = tag >> 3, tag & 7
        if not number:
            raise ValueError(f"a field numbered 0 at byte {position} of the record")
        if wire == _VARINT:
            value, position = _varint(data, position, end)
            yield number, wire, value, 0
            continue
        size, position = _value_size(data, wire, position, end)
        if position + size > end:
            raise ValueError(f"a field goes beyond its message at byte {position} of the record")
        yield number, wire, position, position + size
        position += size


def _value_size(data: Data, wire: int, position: int, end: int) -> tuple[int, int]:
    if wire == _SPAN:
        return _varint(data, position, end)
    if wire in (_FIXED32, _FIXED64):
        return (4 if wire == _FIXED32 else 8), position
    raise ValueError(f"wire type {wire} at byte {position} of the record")


def _varint(data: Data, position: int, end: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if position >= end:
            raise ValueError("a number goes beyond its message")
        byte = data[position]
        position += 1
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value & (1 << 64) - 1, position
    raise ValueError(f"a number of more than ten bytes at byte {position} of the record")
