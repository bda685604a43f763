"""The samples that a file names, one a line: by key, or by the path of the photo."""

from __future__ import annotations

import os
from array import array
from os import PathLike
from pathlib import Path, PurePosixPath

from ..config.counted import counted
from ..errors import UsageError
from . import naming

_SHOWN = 3


class NamedSamples:
    """Finds the lines of a file among samples that are told one by one.

    A line that is a key names the sample of this key. Any other line is the path of a photo, below the
    source's folder or with it. Where no photo has this path, the line names the sample whose key such a path
    has, unless that sample's photo is another file of this stem.

    Args:
        file: of the lines; empty ones are left out.
        root: the source's folder, with which paths may begin.

    Raises:
        UsageError: it cannot be read, or names none.

    Example:
        >>> import pathlib, tempfile
        >>> from maskgen.shards.named import NamedSamples
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "names.txt")
        ...     _ = file.write_text("photos/cats/a.png")
        ...     named = NamedSamples(file, "photos")
        >>> named.add("cats_a", "cats/a.jpg")
        >>> named.add("cats_a_0123456789ab", "cats/a.png")
        >>> list(named.rows())
        [1]
    """

    def __init__(self, file: str | PathLike[str], root: str | PathLike[str] | None = None) -> None:
        self._file = file
        self._lines = _read_lines(Path(file))
        self._keys = dict.fromkeys(map(_key_of, self._lines), -1)
        self._key_paths: dict[str, str] = {}
        self._ways = {line: _ways(line, root) for line in self._lines if not naming.KEY.match(line)}
        self._paths = dict.fromkeys((way for ways in self._ways.values() for way in ways), -1)
        self._count = 0

    def add(self, key: str, path: str | None) -> None:
        """The next sample, with its photo's path below the source's folder where that is known."""
        if key in self._keys:
            self._keys[key], self._key_paths[key] = self._count, path or ""
        if path in self._paths:
            self._paths[path] = self._count
        self._count += 1

    def rows(self) -> array[int]:
        """The numbers of the samples that the file names, in the order of its lines.

        Raises:
            UsageError: a line names no sample, or could name two.
        """
        found = {line: self._row(line) for line in self._lines}
        absent = [line for line, row in found.items() if row < 0]
        if absent:
            raise UsageError(
                f"{counted(len(absent), 'of the keys is', 'of the keys are')} not in the data set",
                where=f"{', '.join(absent[:_SHOWN])} in {self._file}",
                cause="a mistyped name, a photo in quarantine, or another source or split",
                remedy="write keys, or paths below the run's --input such as animals/chelsea.jpg, "
                "and take out what is not there",
            )
        return array("q", found.values())

    def _row(self, line: str) -> int:
        """The number of the sample that a line names, or -1."""
        found = [way for way in self._ways.get(line, ()) if self._paths[way] >= 0]
        if len(found) > 1:
            raise UsageError(
                "a line of the keys could mean two photos",
                where=f"{line} in {self._file}: {' or '.join(found)}",
                remedy="write the keys of these photos",
            )
        if found:
            return self._paths[found[0]]
        key = _key_of(line)
        photo, name = PurePosixPath(self._key_paths.get(key, "")), PurePosixPath(line)
        another = name.suffix and photo.stem == name.stem and _format(photo) != _format(name)
        return -1 if another else self._keys[key]


def _read_lines(path: Path) -> list[str]:
    """The lines that are not empty; paths without ``.`` and double slashes."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "cannot read the keys",
            where=str(path),
            cause=str(error),
            remedy="give a text file, one key a line",
        ) from error
    found = [line if naming.KEY.match(line) else os.path.normpath(line) for line in lines if line]
    if not found:
        raise UsageError("the file names no key", where=str(path), remedy="write one key a line")
    return found


def _key_of(line: str) -> str:
    """The line itself, or the key that a photo of this path has in a source of folders."""
    return line if naming.KEY.match(line) else naming.safe_key(str(PurePosixPath(line).with_suffix("")))


def _format(photo: PurePosixPath) -> str:
    return photo.suffix.lower().replace("jpeg", "jpg")


def _ways(path: str, root: str | PathLike[str] | None) -> set[str]:
    """The paths below the source's folder that a path may mean."""
    below = os.path.relpath(path, root) if root is not None else path
    return {path} if below.startswith("..") else {path, below}
