"""Reading what lies at a place: a whole file, a stream, or bytes from anywhere in it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, Protocol, Self, cast

from ..regular import open_regular, read_regular
from .location import Location, ObjectLocation

FIRST_BYTES = 256 << 10
"""Of a first request, and of one far from the last: one photo, most often."""
MOST_BYTES = 4 << 20
"""Of one request when an object is read from its beginning to its end; each is twice the one before."""
PART_BYTES = 16 << 20
"""Of one request when a whole object is fetched: one that breaks costs a part, and none lasts for minutes."""
AT_A_TIME = 16
"""Requests under way together: a store answers each in tens of milliseconds."""
_GROUP = 256
_PART_BUFFER = 16 << 10


class ByteFile(Protocol):
    """Bytes from anywhere in a file."""

    def read_at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer at the end of the file.

        Raises:
            OSError: it cannot be read.
        """
        ...

    def length(self) -> int:
        """Bytes of the file."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class LocalBytes:
    """Bytes of a regular file.

    Args:
        descriptor: open for reading; closed with this.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read_at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, however many reads that takes; fewer at the end."""
        data = os.pread(self._descriptor, size, offset)
        while 0 < len(data) < size:
            more = os.pread(self._descriptor, size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def length(self) -> int:
        """Bytes of the file."""
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ObjectBytes:
    """Bytes of an object by range requests, which grow while it is read onwards; one window is held.

    Args:
        place: of the object, which must stay the same while it is read.
    """

    def __init__(self, place: ObjectLocation) -> None:
        self._place = place
        self._start, self._held = 0, b""
        self._window = 0
        self._size = -1
        self._e_tag = ""

    def read_at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer at the end.

        Raises:
            OSError: no such object, or it was changed since the first read.
            EnvironmentFault: the store cannot be reached or refuses.
        """
        if size <= 0 or 0 <= self._size <= offset:
            return b""
        at = offset - self._start
        wanted = size if self._size < 0 else min(size, self._size - offset)
        if at < 0 or at + wanted > len(self._held):
            self._fetch(offset, size)
            at = 0
        return self._held[at : at + size]

    def _fetch(self, offset: int, size: int) -> None:
        end = self._start + len(self._held)
        goes_on = bool(self._window) and self._start <= offset <= end + self._window
        self._window = min(2 * self._window, MOST_BYTES) if goes_on else FIRST_BYTES
        part = self._place.bucket.read(self._place.key, offset, max(size, self._window), self._e_tag)
        self._start, self._held = offset, part.data
        self._size, self._e_tag = part.entry.size, part.entry.e_tag

    def length(self) -> int:
        """Bytes of the object."""
        if self._size < 0:
            entry = self._place.bucket.head(self._place.key)
            self._size, self._e_tag = entry.size, entry.e_tag
        return self._size

    def close(self) -> None:
        """Let go of what is held."""
        self._held = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_bytes(place: Location) -> ByteFile:
    """Bytes from anywhere in a file. A local one that is no regular file is refused, without ever waiting.

    Raises:
        OSError: it cannot be opened; an object that is not there is noticed by the first read.
    """
    if isinstance(place, ObjectLocation):
        return ObjectBytes(place)
    return LocalBytes(open_regular(place))


class _Stream(io.RawIOBase):
    """A file that is read by position, or a part of it, as one that is read onwards and sought in.

    Args:
        file: it.
        start: first byte of the part.
        end: of the part; None: that of the file.
        closing: whether the file is closed with this.
    """

    def __init__(
        self, file: ByteFile, start: int = 0, end: int | None = None, *, closing: bool = False
    ) -> None:
        self._file, self._start, self._end = file, start, end
        self._closing = closing
        self._position = start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if whence == os.SEEK_END and self._end is None:
            self._end = self._file.length()
        base = {os.SEEK_SET: self._start, os.SEEK_CUR: self._position}.get(whence, self._end or 0)
        self._position = base + offset
        return self.tell()

    def tell(self) -> int:
        return self._position - self._start

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override] # all that is asked for here
        size = len(buffer) if self._end is None else min(len(buffer), self._end - self._position)
        data = self._file.read_at(self._position, max(0, size))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        if self._closing and not self.closed:
            self._file.close()
        super().close()


def open_stream(place: Location) -> BinaryIO:
    """A file to be read onwards; it can be sought in.

    Raises:
        OSError: it cannot be opened; an object that is not there is noticed by the first read.
    """
    if isinstance(place, ObjectLocation):
        stream = _Stream(ObjectBytes(place), closing=True)
        return cast("BinaryIO", io.BufferedReader(stream, FIRST_BYTES))
    return os.fdopen(open_regular(place), "rb")


def open_part(file: ByteFile, start: int, end: int) -> BinaryIO:
    """The bytes of an open file from `start` up to `end` as a file of its own; the other stays open."""
    return cast("BinaryIO", io.BufferedReader(_Stream(file, start, end), _PART_BUFFER))


def read_whole(place: Location) -> bytes:
    """The content of a file.

    Raises:
        OSError: it cannot be read, or is no regular file.

    Example:
        >>> import pathlib, tempfile
        >>> from maskgen.io.storage.reading import read_whole
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "a")
        >>> _ = path.write_bytes(b"abc")
        >>> read_whole(path)
        b'abc'
        >>> folder.cleanup()
    """
    if not isinstance(place, ObjectLocation):
        return read_regular(place)
    first = place.bucket.read(place.key, 0, PART_BYTES)
    rest = range(len(first.data), first.entry.size, PART_BYTES)
    parts = (place.bucket.read(place.key, start, PART_BYTES, first.entry.e_tag).data for start in rest)
    return b"".join((first.data, *parts))


def read_many(places: Sequence[Location]) -> Iterator[bytes]:
    """The contents of small files in their order; of an object store several are asked for at a time.

    Raises:
        OSError: one cannot be read, or is no regular file.
    """
    if not any(isinstance(place, ObjectLocation) for place in places):
        yield from map(read_whole, places)
        return
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for first in range(0, len(places), _GROUP):
            yield from pool.map(read_whole, places[first : first + _GROUP])


def read_parts(place: Location, size: int) -> Iterator[bytes]:
    """The first `size` bytes of a file in parts; it must have as many.

    Raises:
        EOFError: it is shorter; the argument is how many bytes there are.
        OSError: it cannot be read.
    """
    with open_bytes(place) as file:
        start = 0
        while start < size:
            wanted = min(PART_BYTES, size - start)
            part = file.read_at(start, wanted)
            start += len(part)
            if len(part) < wanted:
                raise EOFError(start)
            yield part
