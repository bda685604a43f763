"""Files that appear whole or not at all: partial file, fsync, link, fsync of the folder."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ..errors import EnvironmentFault
from .exclusive import ExclusiveNamesFault, create_name
from .owner import claim_abandoned, owner_name, release, take
from .regular import open_regular

_DISK = {
    errno.ENOSPC: "free space",
    errno.EDQUOT: "free space, or ask for a larger quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EIO: "look at the disk, it may be failing",
    errno.ENOENT: "make the folder again, it is not there",  # it was taken away under us
    errno.ESTALE: "mount the folder again",
    errno.EROFS: "make the disk writable, or write to another",
    errno.EACCES: "make the folder writable, or write to another",
    errno.EPERM: "make the folder writable, or write to another",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close other programs: the machine has too many open files",
}
"""What to do about each of the disk's errors."""
NAME_BYTES = 255
"""The longest name of a file on all common file systems."""


@contextlib.contextmanager
def disk_errors(path: Path, needed_bytes: int = 0) -> Iterator[None]:
    """Turn a full, broken or read-only disk into an EnvironmentFault that names the sizes and the remedy.

    Args:
        path: what is written, or the folder it is written to.
        needed_bytes: how much will be written; 0 when that is not known.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise EnvironmentFault(
            f"cannot write ({os.strerror(error.errno or 0)})",
            where=str(path),
            cause=_space(path, needed_bytes) if error.errno in (errno.ENOSPC, errno.EDQUOT) else "",
            remedy=f"{_DISK[error.errno]}; then run the same command again, it resumes",
        ) from error


@contextlib.contextmanager
def unhidden_disk_errors() -> Iterator[None]:
    """Raise the disk's EnvironmentFault where another library's complaint covers it, as torch's does.

    Raises:
        EnvironmentFault: one is among the causes of the library's RuntimeError.
    """
    try:
        yield
    except RuntimeError as error:
        hidden: BaseException | None = error
        while hidden is not None and not isinstance(hidden, EnvironmentFault):
            hidden = hidden.__context__
        raise hidden or error from error


def _space(path: Path, needed_bytes: int) -> str:
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return "the disk is full"
    need = f", {needed_bytes:,} bytes were needed" if needed_bytes else ""
    return f"{free:,} bytes are free{need}"


def partial_name(final: Path) -> Path:
    """A name for the unfinished file, in the same folder, that says which process owns it.

    Of a name so long that this one would be too long for a file system, it has the beginning.
    """
    ending = f".{owner_name()}-{secrets.token_hex(4)}.partial"
    room = NAME_BYTES - 1 - len(os.fsencode(ending))
    return final.with_name(f".{os.fsencode(final.name)[:room].decode(errors='ignore')}{ending}")


def fsync_folder(folder: Path) -> None:
    """Make the folder's entries durable.

    Raises:
        EnvironmentFault: the disk is full or broken.
    """
    with disk_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_disk(folder: Path) -> None:
    """Make all files on a folder's disk durable at once: for many small ones, each of which need not be.

    One call took 24 ms after 50 pictures, on a disk on which an fsync of each took 7 ms.

    Raises:
        EnvironmentFault: the disk is full or broken.
    """
    with disk_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            library = ctypes.CDLL(None, use_errno=True)
            if library.syncfs(descriptor):
                error = ctypes.get_errno()
                raise OSError(error, os.strerror(error))
        except AttributeError:  # a C library without it
            os.sync()
        finally:
            os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably: a synced file in a folder that is lost is lost with it.

    The entry of a folder that is there already is synced too: who made it may have been killed before that.

    Raises:
        EnvironmentFault: no permission, or the disk is full, broken or read-only.
        OSError: a file of that name is in the way.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        with disk_errors(folder):
            folder.mkdir(exist_ok=True)
    if os.access(folder.parent, os.R_OK):  # a folder may be open to entries and closed to readers
        fsync_folder(folder.parent)


class PartialFile:
    """A file under construction: bytes are counted and hashed as they are written.

    Used as a context; unless `publish` was called, leaving it removes the partial file.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        self.size = 0
        self._hash = hashlib.sha256()
        with disk_errors(final):
            self.path, self._file = _create_owned(final)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append all of `data`.

        Raises:
            EnvironmentFault: the disk is full or broken.
        """
        view = memoryview(data)
        with disk_errors(self.final, len(view)):
            while view:
                view = view[self._write_some(view) :]

    closed = False  # with flush, close and tell: what pyarrow asks of a file

    def flush(self) -> None:
        """Nothing is buffered here."""

    def close(self) -> None:
        """Leaving the context closes the file; a writer stacked on top must not."""

    def tell(self) -> int:
        """Bytes written so far."""
        return self.size

    def restart(self) -> None:
        """Drop what has been written."""
        with disk_errors(self.final):
            self._file.seek(0)
            self._file.truncate()
        self.size, self._hash = 0, hashlib.sha256()

    def _write_some(self, view: memoryview) -> int:
        count = self._file.write(view) or 0
        self._hash.update(view[:count])
        self.size += count
        return count

    @property
    def sha256(self) -> str:
        """Hex digest of what has been written so far."""
        return self._hash.hexdigest()

    def sync(self) -> None:
        """Make the content durable; the file still has its partial name."""
        with disk_errors(self.final):
            os.fsync(self._file.fileno())

    def publish(self, *, replace: bool = True) -> bool:
        """Give the synced file its final name; the caller syncs the folder and holds its lock.

        An equal file under that name is kept; a different one is debris of an attempt that was never
        committed (the caller has checked that there is no commit record), and is replaced.

        Args:
            replace: whether a different file may be replaced.

        Returns:
            Whether debris was replaced.

        Raises:
            FileExistsError: a different file is there and may not be replaced.
            EnvironmentFault: the disk is full, broken or read-only; or the file may not be replaced, and the
                file system has no way to create a name only where there is none.
        """
        try:
            with disk_errors(self.final):
                create_name(self.path, self.final)
        except ExclusiveNamesFault:
            if not replace:
                raise
            if not self.final.exists():
                self.put()
                return False
        except FileExistsError:
            pass
        else:
            release(self._file.fileno())
            return False
        return self._publish_over(replace=replace)

    def _publish_over(self, *, replace: bool) -> bool:
        with disk_errors(self.final):
            if file_sha256(self.final) == self.sha256:
                return False
        if not replace:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.final))
        self.put()
        return True

    def put(self) -> None:
        """Give the synced file its final name, whatever has that name now; the caller syncs the folder.

        Raises:
            EnvironmentFault: the disk is full, broken or read-only.
        """
        with disk_errors(self.final):
            os.replace(self.path, self.final)
        release(self._file.fileno())


def _create_owned(final: Path) -> tuple[Path, BinaryIO]:
    """A new partial file that is locked before anybody could take it for abandoned."""
    while True:
        path = partial_name(final)
        file: BinaryIO = open(path, "xb", buffering=0)  # noqa: SIM115, PTH123 - closed by PartialFile
        if take(file.fileno()) and path.exists():
            return path, file
        file.close()  # a sweep looks at it in this moment; it spares the file when it sees the owner's name
        path.unlink(missing_ok=True)


def require_exclusive_names(folder: Path) -> None:
    """Make sure that a folder's file system can create a name only where there is none.

    Raises:
        EnvironmentFault: it cannot, or is full, broken or read-only.
    """
    with PartialFile(partial_name(folder / "names")) as partial:  # swept if we die here
        partial.publish(replace=False)
        with disk_errors(folder):
            partial.final.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """Hex digest of a file's content.

    Example:
        >>> from maskgen.io.atomic import file_sha256
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "a")
        >>> _ = path.write_bytes(b"abc")
        >>> file_sha256(path)[:16]
        'ba7816bf8f01cfea'
        >>> folder.cleanup()
    """
    with os.fdopen(open_regular(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_as_written(path: Path, size: int, sha256: str) -> bool:
    """Whether a file is there with this length and content; one of another length is not read."""
    try:
        return path.stat().st_size == size and file_sha256(path) == sha256
    except FileNotFoundError:
        return False


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` by `data`: readers see the old or the new content, never a part.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.

    Example:
        >>> from maskgen.io.atomic import write_atomic
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "a")
        >>> write_atomic(path, b"abc")
        >>> path.read_bytes(), len(list(path.parent.iterdir()))
        (b'abc', 1)
        >>> folder.cleanup()
    """
    with PartialFile(path) as partial:
        partial.write(data)
        partial.sync()
        partial.put()
        fsync_folder(path.parent)


@contextlib.contextmanager
def folder_lock(folder: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the advisory lock of a folder; it leaves no file behind and dies with the process.

    Args:
        folder: it.
        waiting: called once if another process holds the lock.
    """
    with disk_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # a file system without flock: commits stay idempotent
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sweep_partials(folder: Path, now: float | None = None) -> int:
    """Remove unfinished files whose owners are gone, as `claim_abandoned` tells.

    Returns:
        How many were removed.

    Example:
        >>> from maskgen.io.atomic import sweep_partials
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> sweep_partials(pathlib.Path(folder.name))
        0
        >>> folder.cleanup()
    """
    removed = 0
    for path in folder.glob(".*.partial"):
        with claim_abandoned(path, now) as abandoned, contextlib.suppress(OSError):
            if abandoned:
                os.unlink(path)
                removed += 1
    return removed
