"""A gzip file as one forward stream of bytes, with bounded memory and a bounded expansion."""

from __future__ import annotations

import zlib

from maskgen.io.storage.location import Location
from maskgen.io.storage.reading import open_stream
from maskgen.io.zip_member import ContainerFault

_CHUNK_BYTES = 1 << 18
_GRACE_BYTES = 16 << 20
_MAX_RATIO = 100
_MAX_TOTAL_BYTES = 1 << 40
_MAX_EMPTY_MEMBERS = 1000


class GzipStream:
    """The decompressed bytes of a gzip file (one or more members, checksums checked).

    Photos do not compress, so a stream that grows more than 100-fold past its first 16 MiB is refused.

    Args:
        place: the gzip file.
        max_ratio: refuse more decompressed bytes per compressed byte.
    """

    def __init__(self, place: Location, max_ratio: int = _MAX_RATIO) -> None:
        self._file = open_stream(place)
        self._max_ratio = max_ratio
        self._start()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes from `offset` of the decompressed stream; fewer than `size` only at its end.

        Going forward continues the stream; going back restarts it.

        Raises:
            ContainerFault: truncated, corrupt, or expanding too much.
            OSError: the file cannot be read.
        """
        if offset < self._position:
            self._start()
        while self._position < offset:
            if not self._produce(min(_CHUNK_BYTES, offset - self._position)):
                return b""
        parts, missing = [], size
        while missing:
            part = self._produce(min(_CHUNK_BYTES, missing))
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _start(self) -> None:
        self._file.seek(0)
        self._inflate = zlib.decompressobj(wbits=31)
        self._pending = b""
        self._position = 0
        self._consumed = 0
        self._empty = 0

    def _produce(self, limit: int) -> bytes:
        """The next 1 to `limit` decompressed bytes; empty at the end of the stream."""
        while not self._inflate.eof or self._next_member():
            self._pending = self._pending or self._more()
            if not self._pending:
                raise ContainerFault("truncated-source", "the gzip stream ends early")
            try:
                data = self._inflate.decompress(self._pending, limit)
            except zlib.error as error:
                raise ContainerFault("corrupt-source", f"gzip: {error}") from error
            self._pending = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if data:
                self._empty = 0
                self._position += len(data)
                self._check_growth()
                return data
        return b""

    def _next_member(self) -> bool:
        """Begin the next gzip member if there is one: zero padding may follow the last."""
        rest = self._pending.lstrip(b"\0")
        while not rest:
            more = self._more()
            if not more:
                self._pending = b""
                return False
            rest = more.lstrip(b"\0")
        self._empty += 1
        if self._empty > _MAX_EMPTY_MEMBERS:
            raise ContainerFault("gzip-bomb", f"{_MAX_EMPTY_MEMBERS} gzip members in a row hold nothing")
        self._pending = rest
        self._inflate = zlib.decompressobj(wbits=31)
        return True

    def _more(self) -> bytes:
        data = self._file.read(_CHUNK_BYTES)
        self._consumed += len(data)
        return data

    def _check_growth(self) -> None:
        read = self._consumed - len(self._pending)
        allowed = min(_GRACE_BYTES + self._max_ratio * read, _MAX_TOTAL_BYTES)
        if self._position > allowed:
            raise ContainerFault("gzip-bomb", f"{read} compressed bytes gave {self._position}")
