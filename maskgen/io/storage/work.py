"""A folder of this machine to work in before something is sent away; those of dead processes are removed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from maskgen.errors import EnvironmentFault

from ..atomic import disk_errors

_PREFIX = "work-"


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """A new folder below TMPDIR that is removed at the end; those of processes that were killed go too.

    Raises:
        EnvironmentFault: it cannot be made.

    Example:
        >>> from maskgen.io.storage.work import work_folder
        >>> with work_folder() as folder:
        ...     folder.is_dir()
        True
        >>> folder.exists()
        False
    """
    root = Path(tempfile.gettempdir(), f"maskgen-{os.getuid()}")
    with disk_errors(root):
        root.mkdir(mode=0o700, exist_ok=True)
        if root.is_symlink() or root.stat().st_uid != os.getuid():
            raise EnvironmentFault(
                "the folder to work in belongs to somebody else", where=str(root), remedy="set TMPDIR"
            )
        _sweep(root)
        folder, lock = _new(root)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _new(root: Path) -> tuple[Path, int]:
    """A folder, and a lock on it that dies with the process."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        with contextlib.suppress(FileNotFoundError):  # another process took it for a dead one's
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_SH)
            if folder.is_dir():
                return folder, lock
            os.close(lock)


def _sweep(root: Path) -> None:
    for folder in root.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
