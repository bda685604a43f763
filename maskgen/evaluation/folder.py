"""A folder of masks or photos as files by name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ..errors import UsageError
from ..io.folders import walk_folder
from ..io.storage.location import Location
from ..shards import naming
from .names import name_of
from .reading import Blob

_ENDINGS = frozenset((".png", ".jpg", ".jpeg"))
_NAMED = 5  # endings in a message


def pictures(path: Location) -> dict[str, Blob]:
    """The PNG and JPEG files of a folder and the folders below, by stem, sorted.

    Links are followed as `walk_folder` does.

    Raises:
        UsageError: there is none, one cannot be read, or two have one stem.
        SourceFault: a folder cannot be listed.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    found: dict[str, Blob] = {}
    for entry in sorted(walk_folder(path), key=lambda entry: Path(entry.name)):
        file = path / entry.name
        if entry.kind == "circle" or file.suffix.lower() not in _ENDINGS:
            continue
        if entry.kind == "unreadable" and not file.is_file():  # a name that is not UTF-8 may be one
            raise UsageError(
                "a picture cannot be read",
                where=str(file).encode("utf-8", "backslashreplace").decode(),
                cause="a broken link or a special file",
                remedy="mend or remove it",
            )
        name = name_of(file.name)
        if name in found:
            raise UsageError(
                f"two files are named {name!r}",
                where=f"{found[name]} and {file}",
                remedy="give a folder that holds each image once",
            )
        found[name] = Blob(str(file))
    if not found:
        raise UsageError(
            "no PNG or JPEG file in this folder",
            where=str(path),
            cause=_instead(path),
            remedy="give a folder of gray PNG or JPEG files",
        )
    return found


def _instead(path: Location) -> str:
    """What a folder without pictures holds."""
    if (path / naming.MANIFEST).exists():
        return "it holds shards; only masks may be given as shards"
    files = [Path(entry.name) for entry in walk_folder(path) if entry.kind == "file"]
    endings = Counter(file.suffix.lower() or "without ending" for file in files)
    if endings[".tar"]:
        return "shards without their manifest.json"
    told = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(_NAMED))
    return f"it holds other files: {told}" if told else "it is empty"
