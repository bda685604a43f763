"""What lies in a folder and below, in one order and by one rule for links, whoever asks.

Order is that of the bytes of the relative path, whatever the file system's own order or the locale. What is
hidden is passed over. Links are followed, as folders of links are how clusters and subsets share photos,
except where they lead in a circle.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import SourceFault
from .storage.listing import list_objects, walk_objects
from .storage.location import Location, ObjectLocation


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
        raise _cannot_list(folder, error) from error
    found.sort(key=lambda e: os.fsencode(e.name) + (b"" if e.kind == "file" else b"/"))
    return found


def _scan(folder: Path) -> list[Entry]:
    with os.scandir(folder) as scan:
        return [_entry(item) for item in scan if not item.name.startswith(".")]


def _objects(folder: ObjectLocation) -> list[Entry]:
    folders, objects = list_objects(folder)
    found = [Entry(name, "folder", 0) for name in folders]
    found += [Entry(one.key, "file", one.size) for one in objects]
    return [entry for entry in found if not entry.name.startswith(".")]


def _cannot_list(folder: Location, error: OSError) -> SourceFault:
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
        yield from _walk_objects(root)
        return
    stack = [("", os.path.realpath(root), iter(entries(root)))]
    while stack:
        above, real, remaining = stack[-1]
        entry = next(remaining, None)
        if entry is None:
            stack.pop()
            continue
        path = above + entry.name
        if "folder" not in entry.kind:
            yield Entry(path, entry.kind, entry.size)
            continue
        inner = f"{real}/{entry.name}"
        if entry.kind == "linked folder":
            inner = _target(root / path, [folder for _, folder, _ in stack])
        if inner:
            stack.append((path + "/", inner, iter(entries(root / path))))
        else:
            yield Entry(path, "circle", 0)


def _walk_objects(root: ObjectLocation) -> Iterator[Entry]:
    try:
        for one in walk_objects(root):
            if not one.key.startswith(".") and "/." not in one.key:
                yield Entry(one.key, "file", one.size)
    except OSError as error:
        raise _cannot_list(root, error) from error


def is_circle(link: Location) -> bool:
    """Whether a link leads to a folder that holds the link itself; an object store has no links."""
    return isinstance(link, Path) and not _target(link, [os.path.realpath(link.parent)])


def _target(link: Path, walked: list[str]) -> str:
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
