"""The table of a plan before its folder is there: a run refused while it lists its source makes none."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from maskgen.errors import UsageError
from maskgen.io.atomic import PartialFile, disk_errors

_CHUNK = 1 << 20


class Draft:
    """A growing file without a name, on the disk where it will get one; nothing is left of it when we die.

    Args:
        folder: an existing one on that disk.

    Raises:
        EnvironmentFault: here and in `write`: the disk is full, broken or read-only.
    """

    closed = False  # with flush, close and tell: what pyarrow asks of a file

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._size = 0
        with disk_errors(folder):
            self._file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - closed by leaving

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append all of `data`."""
        view = memoryview(data)
        self._size += len(view)
        with disk_errors(self.folder, len(view)):
            while view:
                view = view[self._file.write(view) :]

    def flush(self) -> None:
        """Nothing is buffered here."""

    def close(self) -> None:
        """Leaving the context closes the file; a writer stacked on top must not."""

    def tell(self) -> int:
        """Bytes written so far."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """Some of what has been written."""
        with disk_errors(self.folder):
            return os.pread(self._file.fileno(), size, offset)

    @property
    def sha256(self) -> str:
        """Hex digest of what has been written so far."""
        self._file.seek(0)
        return hashlib.file_digest(self._file, "sha256").hexdigest()

    def copy_to(self, partial: PartialFile) -> None:
        """Append all that has been written to another file."""
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            partial.write(chunk)


def existing_folder(path: Path) -> Path:
    """A folder if it is there, else the nearest one above it that is.

    Raises:
        UsageError: a file is in the way.

    Example:
        >>> existing_folder(Path("/proc/absent/below"))
        PosixPath('/proc')
    """
    folder = path.absolute()
    above = next(above for above in (folder, *folder.parents) if os.path.isdir(above))  # noqa: PTH112 - may be closed to us
    if above != folder and os.path.lexists(above / folder.relative_to(above).parts[0]):
        raise cannot_make(path, "a file is in the way")
    return above


def cannot_make(folder: Path, cause: str) -> UsageError:
    """The error of an output folder that cannot be made."""
    return UsageError(
        "cannot make the output folder",
        where=str(folder),
        cause=cause,
        remedy="choose an --output in a folder that you may write to",
    )
