"""A public set's folder: files that must be there, and pictures that its lists name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.config.fingerprint import digest
from maskgen.errors import SourceFault
from maskgen.io.folders import walk_folder

from .picture import read_picture

_MAX_BYTES = 256 << 20  # of a list; that of Places365's training photos has 60 MB
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")


@dataclass(frozen=True, eq=False)
class Pictures:
    """N pictures that are read when they are asked for.

    Args:
        labels: (N,) int64, the classes 0 .. C-1; -1 where the set does not tell.
        fingerprint: of which pictures these are, in what order, and of their labels.
        read: a picture by its number, (H, W, 3) uint8 RGB; safe to call from several threads.
        names: of the classes by number; empty where only numbers are known.
        paths: of the pictures; empty where they lie in files of many.
    """

    labels: NDArray[np.int64]
    fingerprint: str
    read: Callable[[int], NDArray[np.uint8]]
    names: Mapping[int, str] = field(default_factory=dict)
    paths: Sequence[str] = ()


@dataclass(frozen=True)
class SetFolder:
    """The unpacked folder of a public set.

    Args:
        root: the folder.
        title: of the set.
        files: the official layout in words, for errors.
    """

    root: Path
    title: str
    files: str

    def fault(self, what: str, where: Path, cause: str = "") -> SourceFault:
        """The error for something that is not as the set ships it; it says how it ships."""
        return SourceFault(
            what, where=str(where), cause=cause, remedy=f"{self.title} as it is unpacked: {self.files}"
        )

    def file(self, *names: str) -> Path:
        """The first of these files that is there.

        Raises:
            SourceFault: none is.
        """
        for name in names:
            if (self.root / name).is_file():
                return self.root / name
        cause = "the set is unpacked only in part, or this is another folder"
        raise self.fault(f"a file of {self.title} is missing", self.root / names[0], cause)

    def rows(self, *names: str) -> list[str]:
        """The lines of the first of these text files that is there, without empty ones.

        Raises:
            SourceFault: none is, or it is no text, or has no line.
        """
        path = self.file(*names)
        if path.stat().st_size > _MAX_BYTES:
            raise self.fault(f"a list of {self.title} is too large", path, f"cap {_MAX_BYTES} bytes")
        try:
            found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, ValueError) as error:
            raise self.fault(f"cannot read a list of {self.title}", path, str(error)) from error
        if not found:
            raise self.fault(f"a list of {self.title} is empty", path, "half a download")
        return found

    def mat(self, *names: str) -> Mapping[str, Any]:
        """The variables of the first of these MATLAB files that is there. They hold no code.

        Raises:
            SourceFault: none is, or it is no MATLAB file up to version 7.
        """
        from scipy.io import loadmat

        path = self.file(*names)
        try:
            found: Mapping[str, Any] = loadmat(str(path), squeeze_me=True)
        except Exception as error:  # whatever the reader meets in a torn or foreign file
            cause = f"{type(error).__name__}: {error}"[:200]
            raise self.fault(f"cannot read a MATLAB file of {self.title}", path, cause) from error
        return found

    def column(self, path: Path, values: Mapping[str, Any], name: str) -> list[Any]:
        """One variable of a MATLAB file as a list.

        Raises:
            SourceFault: there is no such variable.
        """
        if name not in values:
            raise self.fault(f"a MATLAB file of {self.title} lacks {name}", path, "it is another file")
        return list(np.atleast_1d(values[name]).tolist())

    def pictures(self, below: str, rows: Sequence[tuple[str, int]], names: Mapping[int, str]) -> Pictures:
        """The pictures that a list names, in its order.

        Args:
            below: the folder of the pictures, from the root; empty for the root.
            rows: of each picture its path from that folder, and its class.
            names: of all classes.

        Raises:
            SourceFault: the folder or some pictures are missing, or a class is out of range.
        """
        place = self.root / below
        if not place.is_dir():
            raise self.fault(f"the pictures of {self.title} are missing", place, why_missing(self.root))
        sizes = {entry.name: entry.size for entry in walk_folder(place) if entry.kind == "file"}
        if missing := [path for path, _ in rows if path not in sizes]:
            what = f"{len(missing)} of {len(rows)} pictures of {self.title} are missing"
            raise self.fault(what, place / missing[0], "half a download, or unpacked only in part")
        labels = np.array([label for _, label in rows], np.int64)
        if names and not set(labels.tolist()) <= names.keys():
            wrong = min(set(labels.tolist()) - names.keys())
            raise self.fault(f"a list of {self.title} names class {wrong}, which there is not", self.root)
        paths = [place / path for path, _ in rows]
        mark = digest([(path, sizes[path], label) for path, label in rows])

        def read(number: int) -> NDArray[np.uint8]:
            path = paths[number]
            return read_picture(path.read_bytes(), str(path))

        return Pictures(labels, mark, read, names, [path for path, _ in rows])


def why_missing(folder: Path) -> str:
    """Why a folder may lack what a set's archive holds.

    Args:
        folder: that was looked in; where it is not there, the one above it is told of.
    """
    place = next((one for one in (folder, *folder.parents) if one.is_dir()), folder)
    packed = sorted(path.name for path in place.iterdir() if path.name.endswith(_ARCHIVES))
    return f"{packed[0]} is not unpacked" if packed else "half a download, or another folder"


def find_root(
    path: Path, title: str, files: str, *, inside: Sequence[str], marks: Sequence[str]
) -> SetFolder:
    """The folder of a set: the one given, or the one in it that has the set's own name.

    Args:
        path: as given.
        title: of the set.
        files: its layout in words.
        inside: names that the unpacked folder has, when `path` is the one above.
        marks: files or folders, one of which the set has.

    Raises:
        SourceFault: none of the folders is it.
    """
    for root in (path, *(path / name for name in inside)):
        if any((root / mark).exists() for mark in marks):
            return SetFolder(root, title, files)
    if not path.is_dir():
        raise SetFolder(path, title, files).fault("no such folder", path)
    raise SetFolder(path, title, files).fault(f"this folder is no {title}", path, why_missing(path))
