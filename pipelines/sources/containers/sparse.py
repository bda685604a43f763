"""A file of which only some bytes are looked at, in their order: parts between them are never read."""

from __future__ import annotations

import errno
from typing import overload

from maskgen.io.storage.reading import ByteFile

_WINDOW_BYTES = 4096


class Window:
    """Bytes of a file by position, of which some are held.

    Args:
        file: open; not closed by this.
    """

    def __init__(self, file: ByteFile) -> None:
        self._file = file
        self.start, self.held = 0, b""

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer at the end.

        Raises:
            OSError: the file cannot be read.
        """
        at = offset - self.start
        if at < 0 or at + size > len(self.held):
            self.start, self.held = offset, self._file.read_at(offset, max(size, _WINDOW_BYTES))
            at = 0
        return self.held[at : at + size]


class SparseBytes:
    """A part of a file as bytes that are read when they are looked at.

    Args:
        window: of the file.
        start: of the part.
        size: of the part.

    Example:
        >>> import pathlib, tempfile
        >>> from maskgen.io.storage.reading import open_bytes
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "a"
        >>> _ = path.write_bytes(b"a photo")
        >>> with open_bytes(path) as file:
        ...     part = SparseBytes(Window(file), 2, 5)
        ...     len(part), part[0], part[1:3]
        (5, 112, b'ho')
    """

    def __init__(self, window: Window, start: int, size: int) -> None:
        self._window, self._start, self._size = window, start, size

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> bytes: ...

    def __getitem__(self, at: int | slice) -> int | bytes:
        window = self._window
        if isinstance(at, slice):
            first, last, _ = at.indices(self._size)
            data = window.read(self._start + first, max(0, last - first))
            if len(data) < last - first:
                raise OSError(errno.EIO, "the file was cut while it was read")
            return data
        place = self._start + at - window.start
        if 0 <= place < len(window.held):
            return window.held[place]
        return self[at : at + 1][0]
