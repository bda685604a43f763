"""A folder of masks or photos as files by name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ..errors import UsageError
from ..shards import naming
from .names import name_of
from .reading import Blob

_ENDINGS = frozenset((".png", ".jpg", ".jpeg"))
_NAMED = 5  # endings in a message


def pictures(path: Path) -> dict[str, Blob]:
    """The PNG and JPEG files of a folder and the folders below, by stem, sorted.

    Raises:
        UsageError: there is none, or two have one stem.
    """
    found: dict[str, Blob] = {}
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() not in _ENDINGS or file.name.startswith(".") or not file.is_file():
            continue
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


def _instead(path: Path) -> str:
    """What a folder without pictures holds."""
    if (path / naming.MANIFEST).exists():
        return "it holds shards; only masks may be given as shards"
    links = [file for file in path.rglob("*") if file.is_symlink() and file.is_dir()]
    if links:
        return f"links to folders, as {links[0].name}, are not followed"
    endings = Counter(file.suffix.lower() or "without ending" for file in path.rglob("*") if file.is_file())
    if endings[".tar"]:
        return "shards without their manifest.json"
    told = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(_NAMED))
    return f"it holds other files: {told}" if told else "it is empty"
