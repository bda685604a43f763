"""Any tree of image files: OpenImages, BDD100K, one's own photos."""

from __future__ import annotations

from collections.abc import Iterator

from maskgen.errors import UsageError
from maskgen.io.folders import entries, is_circle
from maskgen.types import SourceItem

from .listing import Listing, Notes, SourceOptions, shown, split_name, tree_photos

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
    return Listing(lambda notes: _items(options, notes))


def _items(options: SourceOptions, notes: Notes) -> Iterator[SourceItem]:
    numbers = _first_level(options) if options.labels == "folder" else {}
    for photo in tree_photos(options.input, "", notes):
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
