"""A cache for one process, for who reads a few masks and names no folder."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from maskgen.io.atomic import disk_errors
from maskgen.io.storage.address import is_address


def cache_for(data: str | Path) -> Path | None:
    """A cache for a data set at an address; None for one in a folder, which needs none.

    Raises:
        EnvironmentFault: the disk is full or read-only.
    """
    return temporary_cache() if is_address(data) else None


def temporary_cache() -> Path:
    """A new folder below TMPDIR that is removed when this process ends.

    Raises:
        EnvironmentFault: the disk is full or read-only.
    """
    with disk_errors(Path(tempfile.gettempdir())):
        folder = Path(tempfile.mkdtemp(prefix="maskgen-cache-"))
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child ends before its parent
        shutil.rmtree(folder, ignore_errors=True)
