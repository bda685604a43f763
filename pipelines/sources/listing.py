"""What every source shares: options, the listing, and the photos of folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from maskgen.errors import SourceFault
from maskgen.io.folders import Entry, entries
from maskgen.io.storage.location import Location
from maskgen.types import ByteRef, SourceItem

from .parts import Lister, Notes, Recall, read_anew

IMAGE_EXTENSIONS = frozenset({"jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "jfif", "avif"})
"""Names that may be images; what a file really holds is judged later by its first bytes."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

PARTS = 256
"""Parts that a folder of photos is listed in, if it has so many: some for each process."""

LEFT_OUT = (
    "broken link, special file or name that is not UTF-8 was left out",
    "broken links, special files or names that are not UTF-8 were left out",
)
_CIRCLE = (
    "link to a folder that holds the link was not followed",
    "links to folders that hold the link were not followed",
)
_NO_IMAGE = ("file without an image extension was left out", "files without an image extension were left out")


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What a source needs to know.

    Args:
        input: folder or file of the source; for TFRecords also a pattern such as ``name-?????-of-?????``.
        root: the folder that every `ByteRef.file` is relative to.
        split: ``train`` or ``val``.
        labels: ``folder`` to number first-level folders, ``auto`` or ``none``.
        image_feature: TFRecord feature with the image bytes.
        label_feature: TFRecord feature with the label.
        name_feature: TFRecord feature with the image's name.
        verify: read all of TFRecord files, and verify every checksum.
    """

    input: Location
    root: Location
    split: str = "train"
    labels: str = "auto"
    image_feature: str = "image/encoded"
    label_feature: str = "image/class/label"
    name_feature: str = "image/filename"
    verify: bool = False


class Listing:
    """A source made from a function that lists it; every call of `items` or `parts` lists anew.

    Args:
        listing: lists all of it.
        parts: or the parts that it consists of, in their order; each can be listed by itself, in another
            process. What it takes to know them it may recall.
        names_are_keys: True when two equal names are an error.
    """

    def __init__(
        self,
        listing: Lister | None = None,
        *,
        parts: Callable[[Notes, Recall], Iterable[Lister]] | None = None,
        names_are_keys: bool = False,
    ) -> None:
        self.names_are_keys = names_are_keys
        self._parts = parts or (lambda _notes, _recall: [listing] if listing else [])
        self.found = Notes()

    @property
    def notes(self) -> list[str]:
        """What was left out or assumed, complete once all is listed."""
        return self.found.lines()

    def parts(self, recall: Recall = read_anew) -> list[Lister]:
        """Functions that list one part after the other, for whoever adds what they note to `found`.

        Args:
            recall: what was read before to know the parts.

        Raises:
            SourceFault: the place cannot be listed as a whole; the words say which file and why.
        """
        self.found = Notes()
        return list(self._parts(self.found, recall))

    def items(self) -> Iterator[SourceItem]:
        """Yield every image in a fixed order, without decoding any.

        Raises:
            SourceFault: the place cannot be listed as a whole; the words say which file and why.
        """
        for part in self.parts():
            yield from part(self.found)


class Photo(NamedTuple):
    """One image file or tar member: its name without extension, its bytes, and its path in words."""

    name: str
    ref: ByteRef
    path: str


def shown(name: str) -> str:
    """A name as text that any writer can store and any terminal can show.

    What is no Unicode character, or controls a terminal, is written out as an escape.
    """
    text = name.encode("utf-8", "backslashreplace").decode()
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def split_name(name: str) -> tuple[str, str]:
    """``("a.b", "jpg")`` of ``"a.b.JPG"``; no extension gives an empty second part."""
    stem, dot, extension = name.rpartition(".")
    return (stem, extension.lower()) if dot and stem and "/" not in extension else (name, "")


def is_image_name(name: str) -> bool:
    """Whether the extension is one of `IMAGE_EXTENSIONS`, in any case."""
    return split_name(name)[1] in IMAGE_EXTENSIONS


def is_hidden(name: str) -> bool:
    """Whether the last part of a member's name begins with a dot, as in the copies that macOS adds."""
    return name.rsplit("/", 1)[-1].startswith(".")


def containers(
    folder: Location, wanted: Callable[[str], bool], kinds: tuple[str, ...] = ("file",)
) -> list[str]:
    """The sorted names of the wanted entries of a folder, none of which may be missing without a word.

    Raises:
        SourceFault: a wanted one is a broken link, a special file, or named in no UTF-8.
    """
    found = [entry for entry in entries(folder) if wanted(entry.name)]
    for entry in found:
        if entry.kind == "unreadable":
            raise SourceFault(
                "a part of the data set cannot be read",
                where=str(folder / shown(entry.name)),
                cause="a broken link, a special file, or a name that is not UTF-8",
                remedy="mend or remove it",
            )
    return [entry.name for entry in found if entry.kind in kinds]


def folder_photos(folder: Location, prefix: str, notes: Notes) -> list[Photo]:
    """The image files of one folder, not of those below it; `prefix` is its path from the root."""
    photos = []
    for entry in entries(folder):
        path = f"{prefix}{entry.name}"
        if entry.kind == "file":
            photos += _photos(path, entry.size, notes)
        elif entry.kind == "unreadable":
            notes.add(*LEFT_OUT, shown(path))
    return photos


def tree_photos(walk: Iterable[Entry], prefix: str, notes: Notes) -> Iterator[Photo]:
    """The image files among what `walk_folder` has told."""
    for entry in walk:
        path = prefix + entry.name
        if entry.kind == "file":
            yield from _photos(path, entry.size, notes)
        elif entry.kind == "circle":
            notes.add(*_CIRCLE, shown(path))
        else:
            notes.add(*LEFT_OUT, shown(path))


def _photos(path: str, size: int, notes: Notes) -> list[Photo]:
    """The photo of one file as a list of one, or none when it has no image's name."""
    if not is_image_name(path):
        notes.add(*_NO_IMAGE, shown(path))
        return []
    name = split_name(path.rsplit("/", 1)[-1])[0]
    return [Photo(shown(name), ByteRef(path, 0, size), shown(path))]


def relative(path: Location, root: Location) -> str:
    """The path from the root with forward slashes; empty for the root itself."""
    text = path.relative_to(root).as_posix()  # type: ignore[arg-type] # both local, or both of one store
    return "" if text == "." else text
