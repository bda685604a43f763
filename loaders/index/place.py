"""Where an index is kept: beside the shards, in a cache, or, where nothing can be written, in memory."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from maskgen.errors import EnvironmentFault
from maskgen.io.atomic import PartialFile, make_folder
from maskgen.io.owner import claim_abandoned

from ..storage.shared_files import file_lock
from .mapped import DamagedIndexError, Index

_NAMES = re.compile(r"samples-([0-9a-f]{16}-)?[0-9a-f]{16}\.index")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def candidates(folder: Path, manifest_sha256: str, cache: Path | None = None) -> list[Path]:
    """Where the index of a data set may lie, the best place first.

    Args:
        folder: of its tables.
        manifest_sha256: of its manifest; a changed one gets another index.
        cache: the folder of the cache, of a data set that has one.

    Example:
        >>> [path.name for path in candidates(Path("shards"), "0123456789abcdef" * 4)][0]
        'samples-0123456789abcdef.index'
    """
    short = manifest_sha256[:16]
    place = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    away = f"samples-{place}-{short}.index"
    return [cache / away] if cache else [folder / f"samples-{short}.index", _user_cache() / away]


def _user_cache() -> Path:
    """A folder below XDG_CACHE_HOME or ~/.cache."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path("~/.cache").expanduser()
    return base / "maskgen" / "indexes"


def read_index(paths: list[Path], fits: Callable[[Index], bool]) -> Index | None:
    """The first whole index that fits, or None; a damaged one is as good as none.

    Args:
        paths: where it may lie.
        fits: whether an index is that of the data set as it is now.
    """
    for path in paths:
        with contextlib.suppress(DamagedIndexError, OSError):
            index = Index.open(path)
            if fits(index):
                return index
    return None


def make_index(paths: list[Path], find: Callable[[], Index | None], write: Callable[[int], None]) -> Index:
    """Make an index in the first place that can hold it, one process at a time.

    Args:
        paths: the places.
        find: looks for the index again, once nobody else is making it.
        write: writes it into the empty file of a descriptor.

    Raises:
        ShardFault: what `write` raises.
    """
    for path in paths:
        with _place(path) as usable:
            if not usable:
                continue
            found = find()
            if found is None and _write(path, write):
                found = Index.open(path)
            if found is not None:
                return found
    descriptor = os.memfd_create("maskgen-index")
    write(descriptor)
    return Index(descriptor, f"/proc/{os.getpid()}/fd/{descriptor}")


@contextlib.contextmanager
def _place(path: Path) -> Iterator[bool]:
    """Whether files can be made in the folder of a path; inside, no other process makes this one."""
    with contextlib.ExitStack() as stack:
        try:
            make_folder(path.parent)
            stack.enter_context(file_lock(path.with_name(f".{path.name}.lock")))
        except (EnvironmentFault, OSError):
            yield False
        else:
            yield True


def _write(path: Path, write: Callable[[int], None]) -> bool:
    """Write a file and give it its name; False when the disk is full.

    It is not synced: what a power failure leaves of it is noticed and made anew.
    """
    _sweep(path)
    try:
        with PartialFile(path) as partial:
            descriptor = os.open(partial.path, os.O_RDWR | os.O_CLOEXEC)
            try:
                write(descriptor)
            finally:
                os.close(descriptor)
            partial.put()
    except OSError as error:
        if error.errno in _FULL:
            return False
        raise
    except EnvironmentFault:
        return False
    return True


def _sweep(path: Path) -> None:
    """Remove what killed processes have left, and the indexes of earlier manifests of this place."""
    family = path.name.rpartition("-")[0]
    for other in path.parent.glob(f"{family}-*.index"):
        if other.name != path.name and len(other.name) == len(path.name) and _NAMES.fullmatch(other.name):
            other.unlink(missing_ok=True)
    for partial in path.parent.glob(f".{family}-*.index.*.partial"):
        with claim_abandoned(partial) as abandoned:
            if abandoned:
                partial.unlink(missing_ok=True)
