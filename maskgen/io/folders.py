"""What lies in a folder and below, in one order and by one rule for links, whoever asks.

Order is that of the bytes of the relative path, whatever the file system's own order or the locale. What is
hidden is passed over. Links are followed, as folders of links are how clusters and subsets share photos,
except where they lead in a circle.
"""

from __future__ import annotations

import itertools
import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import SourceFault
from ..processes.threads import map_threads
from .storage.listing import list_objects, walk_objects
from .storage.location import Location, ObjectLocation
from .storage.ranges import ALL_KEYS, Range

_LEVELS = 3
_RUN = 20_000
_FIRST = 500
_SLOW_S = 1e-4
_AT_A_TIME = 16
"""Files whose sizes are asked for together where each takes longer than that, as over a network."""


class Entry(NamedTuple):
    """One visible entry of a folder, links followed.

    Args:
        name: in its folder; of `walk_folder`, the path from the root with forward slashes.
        kind: ``file``, ``folder``, ``linked folder``, ``unreadable`` (a broken link, a special file, a name
            that is not UTF-8), and of `walk_folder` also ``circle``.
        size: bytes; 0 of what is no file.
    """

    name: str
    kind: str
    size: int


def entries(folder: Location) -> list[Entry]:
    """The visible entries of one folder, sorted so that a depth-first walk gives sorted paths.

    Raises:
        SourceFault: the folder cannot be read.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    try:
        found = _objects(folder) if isinstance(folder, ObjectLocation) else _scan(folder)
    except OSError as error:
        raise cannot_list(folder, error) from error
    found.sort(key=lambda e: os.fsencode(e.name) + (b"" if e.kind == "file" else b"/"))
    return found


def _scan(folder: Path) -> list[Entry]:
    with os.scandir(folder) as scan:
        items = [item for item in scan if not item.name.startswith(".")]
    started = time.perf_counter()
    found = [_entry(item) for item in items[:_FIRST]]
    if time.perf_counter() - started < _FIRST * _SLOW_S:
        return found + [_entry(item) for item in items[_FIRST:]]
    return found + list(map_threads(_entry, items[_FIRST:], _AT_A_TIME))


def _objects(folder: ObjectLocation) -> list[Entry]:
    folders, objects = list_objects(folder)
    found = [Entry(name, "folder", 0) for name in folders]
    found += [Entry(one.key, "file", one.size) for one in objects]
    return [entry for entry in found if not entry.name.startswith(".")]


def cannot_list(folder: Location, error: OSError) -> SourceFault:
    """The error of a folder that cannot be listed."""
    return SourceFault(
        "cannot list a folder",
        where=str(folder),
        cause=str(error.strerror),
        remedy="check that it is there, and its permissions",
    )


def walk_folder(root: Location) -> Iterator[Entry]:
    """What lies in a folder and all below it, sorted by the bytes of the paths; folders are not told.

    A link to a folder is walked like a folder at its own place, so a folder that is linked twice is told
    twice, as any program that follows links sees it. Only a link to a folder that holds the link itself would
    never end: it is told, as a ``circle``, and not followed. An object store is listed in pages.

    Yields:
        Entries of kind ``file``, ``unreadable`` or ``circle``, named by their paths from the root.

    Raises:
        SourceFault: a folder cannot be read.
        EnvironmentFault: the object store cannot be reached or refuses.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from maskgen.io.folders import walk_folder
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "cats").mkdir()
        >>> _ = (root / "cats" / "a.txt").write_text("mew")
        >>> (root / "pets").symlink_to("cats")
        >>> (root / "cats" / "up").symlink_to("..")
        >>> [(entry.name, entry.kind) for entry in walk_folder(root)]
        [('cats/a.txt', 'file'), ('cats/up', 'circle'), ('pets/a.txt', 'file'), ('pets/up', 'circle')]
    """
    if isinstance(root, ObjectLocation):
        yield from walk_range(root, ALL_KEYS)
        return
    yield from walk_branch(root, Branch("", (os.path.realpath(root),), tuple(entries(root))))


class Branch(NamedTuple):
    """A part of the walk of a folder.

    Args:
        above: path from the root of the folder that its entries lie in, with a slash at its end; empty for
            the root.
        walked: real paths of the folders from the root to that one.
        entries: of that folder, those that are walked.
    """

    above: str
    walked: tuple[str, ...]
    entries: tuple[Entry, ...]


def branches(root: Path, least: int) -> list[Branch]:
    """The walk of a folder in parts, each of which can be walked by itself.

    Args:
        root: a local folder.
        least: the first levels of folders are listed until there are so many parts.

    Raises:
        SourceFault: a folder cannot be read.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from maskgen.io.folders import branches, walk_branch
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("cats", "dogs"):
        ...     (root / name).mkdir()
        ...     _ = (root / name / "a.txt").write_text("mew")
        >>> [[entry.name for entry in walk_branch(root, one)] for one in branches(root, 2)]
        [['cats/a.txt'], ['dogs/a.txt']]
    """
    found = _split(Branch("", (os.path.realpath(root),), tuple(entries(root))))
    for _ in range(_LEVELS):
        if len(found) >= least:
            break
        found = [part for one in found for part in _split(_inside(root, one))]
    return found


def _split(branch: Branch) -> list[Branch]:
    """Each folder by itself, and what lies between them in parts of some thousands."""
    runs = itertools.groupby(enumerate(branch.entries), lambda one: "folder" in one[1].kind and one[0] + 1)
    parts = []
    for _, run in runs:
        whole = tuple(entry for _, entry in run)
        parts += [
            branch._replace(entries=whole[start : start + _RUN]) for start in range(0, len(whole), _RUN)
        ]
    return parts


def _inside(root: Path, branch: Branch) -> Branch:
    """What lies in the folder that a part consists of; other parts are left as they are."""
    entry = branch.entries[0]
    if "folder" not in entry.kind:
        return branch
    path = branch.above + entry.name
    inner = _real(root, path, entry, branch.walked)
    if not inner:
        return branch._replace(entries=(Entry(entry.name, "circle", 0),))
    return Branch(f"{path}/", (*branch.walked, inner), tuple(entries(root / path)))


def walk_branch(root: Path, branch: Branch) -> Iterator[Entry]:
    """What `walk_folder` tells of one part.

    Raises:
        SourceFault: a folder cannot be read.
    """
    stack = [(branch.above, branch.walked, iter(branch.entries))]
    while stack:
        above, walked, remaining = stack[-1]
        entry = next(remaining, None)
        if entry is None:
            stack.pop()
            continue
        path = above + entry.name
        if "folder" not in entry.kind:
            yield Entry(path, entry.kind, entry.size)
        elif inner := _real(root, path, entry, walked):
            stack.append((path + "/", (*walked, inner), iter(entries(root / path))))
        else:
            yield Entry(path, "circle", 0)


def _real(root: Path, path: str, entry: Entry, walked: tuple[str, ...]) -> str:
    """The real path of a folder; empty of a link to one that holds it."""
    return _target(root / path, walked) if entry.kind == "linked folder" else f"{walked[-1]}/{entry.name}"


def walk_range(root: ObjectLocation, part: Range) -> Iterator[Entry]:
    """What `walk_folder` tells of the objects whose keys lie in a range.

    Raises:
        SourceFault: no such bucket, or the store lists in no order.
        EnvironmentFault: it cannot be reached or refuses.
    """
    try:
        for one in walk_objects(root, part):
            if not one.key.startswith(".") and "/." not in one.key:
                yield Entry(one.key, "file", one.size)
    except OSError as error:
        raise cannot_list(root, error) from error


def is_circle(link: Location) -> bool:
    """Whether a link leads to a folder that holds the link itself; an object store has no links."""
    return isinstance(link, Path) and not _target(link, [os.path.realpath(link.parent)])


def _target(link: Path, walked: Sequence[str]) -> str:
    """The real path that a link leads to; empty when one of the folders being walked lies in it."""
    target = os.path.realpath(link)
    return "" if any(Path(folder).is_relative_to(target) for folder in walked) else target


def _entry(item: os.DirEntry[str]) -> Entry:
    try:
        status = item.stat()
        item.name.encode()
    except (OSError, UnicodeEncodeError):
        return Entry(item.name, "unreadable", 0)
    if stat.S_ISDIR(status.st_mode):
        return Entry(item.name, "linked folder" if item.is_symlink() else "folder", 0)
    if not stat.S_ISREG(status.st_mode):
        return Entry(item.name, "unreadable", 0)
    return Entry(item.name, "file", status.st_size)
