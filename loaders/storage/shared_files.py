"""Files of a cache that several processes share.

Locks that die with their process, and eviction by last use.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from maskgen.errors import EnvironmentFault
from maskgen.io.atomic import disk_errors
from maskgen.io.regular import open_regular


class Held(NamedTuple):
    """A file in a cache: when it was last used (seconds), its size in bytes, its path."""

    used: float
    size: int
    path: Path


def held_files(root: Path, prefix: str) -> list[Held]:
    """Every file in the folders of `root` whose names begin with `prefix`, unfinished ones included."""
    held = []
    for folder in root.glob(f"{prefix}*"):
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as scan:
            for item in scan:
                with contextlib.suppress(FileNotFoundError):
                    status = item.stat()
                    held.append(Held(status.st_mtime, status.st_size, folder / item.name))
    return held


def evict(root: Path, prefix: str, suffix: str, excess: int) -> int:
    """Remove files that nobody reads, the one used longest ago first.

    Args:
        root: the cache.
        prefix: of its folders.
        suffix: of the files that may go.
        excess: bytes to get rid of.

    Returns:
        Bytes that are still too many, 0 or below when enough are gone.
    """
    for file in sorted(held_files(root, prefix)):
        if excess <= 0:
            break
        if file.path.suffix == suffix and not file.path.name.startswith(".") and _remove_idle(file.path):
            excess -= file.size
    return excess


def open_shared(path: Path, size: int) -> int | None:
    """A descriptor with a shared lock on a whole file, marked as just used; None when there is none.

    A file of another size was cut or overwritten by somebody, and is removed.

    Args:
        path: the file.
        size: that it must have, bytes.

    Raises:
        EnvironmentFault: it cannot be opened.
    """
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EnvironmentFault(
            "cannot open a file in the cache",
            where=str(path),
            cause=str(error),
            remedy="raise ulimit -n" if error.errno in (errno.EMFILE, errno.ENFILE) else "check the disk",
        ) from error
    if _is_whole(descriptor, size):
        return descriptor
    with contextlib.suppress(FileNotFoundError):
        if os.fstat(descriptor).st_nlink:
            os.unlink(path)
    os.close(descriptor)
    return None


def _is_whole(descriptor: int, size: int) -> bool:
    """Lock a file and look whether it is still in its folder and has its size."""
    with contextlib.suppress(OSError):  # without flock an evicted file stays readable all the same
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    status = os.fstat(descriptor)
    with contextlib.suppress(OSError):
        os.utime(descriptor)
    return bool(status.st_nlink) and status.st_size == size


def _remove_idle(path: Path) -> bool:
    """Unlink a file unless somebody reads it; returns whether it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # NFS wants a writer for an exclusive lock
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            os.unlink(path)
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    finally:
        os.close(descriptor)
    return True


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock that dies with the process and leaves no file behind.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """
    with disk_errors(path):
        descriptor = _locked(path)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.close(descriptor)


def _locked(path: Path) -> int:
    """A descriptor that holds the lock of the file which has this name now, not of one removed meanwhile."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        with contextlib.suppress(FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        os.close(descriptor)
