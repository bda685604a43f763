"""The walk of a folder in parts, to be walked side by side: branches of a tree, ranges of a store's keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from .folders import Branch, Entry, branches, cannot_list, walk_branch, walk_folder, walk_range
from .storage.location import Location, ObjectLocation
from .storage.ranges import Range, key_ranges


class WalkPart(NamedTuple):
    """A part of what `walk_folder` tells.

    Args:
        part: of the tree, or of the keys; None for all.
        least: no path in this part sorts before it, and all of the parts before do; empty for the first part.
    """

    part: Branch | Range | None
    least: bytes

    def __call__(self, root: Any) -> Iterator[Entry]:
        """Tell this part.

        Args:
            root: what the parts are of.

        Raises:
            SourceFault: a folder cannot be read.
            EnvironmentFault: the object store cannot be reached or refuses.
        """
        if self.part is None:
            return walk_folder(root)
        part = self.part
        return walk_branch(root, part) if isinstance(part, Branch) else walk_range(root, part)


WHOLE = WalkPart(None, b"")
"""The whole walk as its only part."""


def walk_parts(root: Location, wanted: int) -> list[WalkPart]:
    """The walk of a folder in parts, in their order.

    Args:
        root: the folder, or a prefix of an object store.
        wanted: how many parts, if it has so many folders or objects.

    Raises:
        SourceFault: a folder cannot be read.
        EnvironmentFault: the object store cannot be reached or refuses.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from maskgen.io.walks import walk_parts
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("cats", "dogs"):
        ...     (root / name).mkdir()
        ...     _ = (root / name / "a.txt").write_text("mew")
        >>> [(part.least, [entry.name for entry in part(root)]) for part in walk_parts(root, 2)]
        [(b'', ['cats/a.txt']), (b'dogs/', ['dogs/a.txt'])]
    """
    if isinstance(root, ObjectLocation):
        skipped = len(root.key) + 1 if root.key else 0
        try:
            ranges = key_ranges(root, wanted)
        except OSError as error:
            raise cannot_list(root, error) from error
        return [WalkPart(one, f"{one.after[skipped:]}\0".encode() if one.after else b"") for one in ranges]
    parts = branches(root, wanted)
    return [WalkPart(one, _least(one) if number else b"") for number, one in enumerate(parts)]


def _least(branch: Branch) -> bytes:
    first = branch.entries[0]
    return os.fsencode(f"{branch.above}{first.name}{'/' if 'folder' in first.kind else ''}")
