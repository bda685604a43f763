"""A file that several processes may make: one at a time is at it, the others do something else."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from .atomic import disk_errors

_POLL_S = 0.1


@contextlib.contextmanager
def take_turn(path: Path) -> Iterator[bool]:
    """Whether this process may make a file now; False: another one is making it.

    A turn is a lock on an empty hidden file beside it, which goes when the turn ends. The lock dies with its
    process; what a killed one leaves, `sweep_partials` removes. Where a file system's locks are not seen by
    others, everybody may.

    Args:
        path: of the file.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.

    Example:
        >>> from maskgen.io.turns import take_turn
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "a.png")
        >>> with take_turn(path) as mine, take_turn(path) as again:
        ...     print(mine, again)
        True False
        >>> folder.cleanup()
    """
    marker = _marker(path)
    with disk_errors(path):
        descriptor = _lock(marker)
    if descriptor is None:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            os.unlink(marker)
        os.close(descriptor)


def await_turn(path: Path) -> None:
    """Wait until nobody makes a file.

    Args:
        path: of the file.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """
    while True:
        with take_turn(path) as mine:
            if mine:
                return
        time.sleep(_POLL_S)


def _marker(path: Path) -> Path:
    """Where a file's turns are told; its name is short, however long the file's is."""
    return path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.turn.partial")


def _lock(marker: Path) -> int | None:
    """A locked descriptor; None if another holds the lock. Without locks, a descriptor all the same."""
    while True:
        descriptor = os.open(marker, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            return descriptor
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), marker.stat()):
                return descriptor
        os.close(descriptor)  # its turn has ended since it was opened: this lock is on a file that is gone
