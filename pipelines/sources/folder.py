"""Any tree of image files: OpenImages, BDD100K, one's own photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from maskgen.errors import UsageError
from maskgen.io.folders import Entry, branches, entries, is_circle, walk_branch, walk_folder
from maskgen.types import SourceItem

from .listing import Lister, Listing, Notes, SourceOptions, shown, split_name, tree_photos

_BRANCHES = 256
"""Parts that a folder is listed in, if it has so many: some for each process."""
_NO_FOLDER = (
    "image outside first-level folders has no label",
    "images outside first-level folders have no label",
)


def open_folder(options: SourceOptions) -> Listing:
    """Every file with an image's extension below the input, sorted by the bytes of its relative path.

    Names are relative paths without extension. Labels: with ``--labels folder`` the position of the
    first-level folder among all of them, sorted; otherwise none.

    Raises:
        UsageError: the input is a file.
    """
    if not options.input.is_dir():
        raise UsageError(
            "--dataset folder needs a folder",
            where=str(options.input),
            remedy="give the folder that holds it; --keys names single photos",
        )
    return Listing(parts=lambda _: _parts(options))


def _parts(options: SourceOptions) -> list[Lister]:
    """Folder by folder, where the source is local; a store tells its keys in pages, one after the other."""
    numbers = _first_level(options) if options.labels == "folder" else {}
    root = options.input
    if not isinstance(root, Path):
        return [partial(_items, options, numbers, walk_folder)]
    walks = [partial(walk_branch, branch=branch) for branch in branches(root, _BRANCHES)]
    return [partial(_items, options, numbers, walk) for walk in walks]


def _items(
    options: SourceOptions, numbers: dict[str, int], walk: Callable[[Any], Iterator[Entry]], notes: Notes
) -> Iterator[SourceItem]:
    for photo in tree_photos(walk(options.input), "", notes):
        first, slash, _ = photo.ref.file.partition("/")
        label = numbers.get(first) if slash else None
        if options.labels == "folder" and label is None:
            notes.add(*_NO_FOLDER, photo.path)
        yield SourceItem(shown(split_name(photo.ref.file)[0]), photo.ref, label, photo.path)


def _first_level(options: SourceOptions) -> dict[str, int]:
    folders = sorted(
        entry.name
        for entry in entries(options.input)
        if entry.kind == "folder"
        or (entry.kind == "linked folder" and not is_circle(options.input / entry.name))
    )
    return {name: number for number, name in enumerate(folders)}
