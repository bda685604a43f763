"""Any tree of image files: OpenImages, BDD100K, one's own photos."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from maskgen.errors import UsageError
from maskgen.io.folders import entries, is_circle
from maskgen.io.walks import WalkPart, walk_parts
from maskgen.types import SourceItem

from .listing import PARTS, Listing, SourceOptions, shown, split_name, tree_photos
from .parts import Lister, Notes

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
    return Listing(parts=lambda _notes, _recall: _parts(options))


def _parts(options: SourceOptions) -> list[Lister]:
    """Folder by folder, or range by range of a store's keys."""
    numbers = _first_level(options) if options.labels == "folder" else {}
    return [partial(_items, options, numbers, walk) for walk in walk_parts(options.input, PARTS)]


def _items(
    options: SourceOptions, numbers: dict[str, int], walk: WalkPart, notes: Notes
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
