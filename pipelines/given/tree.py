"""A folder of mask pictures, found by their photos' paths or keys."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from maskgen.config.fingerprint import digest
from maskgen.errors import ImageFault, UsageError
from maskgen.evaluation.reading import decode_gray
from maskgen.io.atomic import file_sha256
from maskgen.io.folders import walk_folder

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")
"""Of masks in a folder, the first that is there counts."""
_SPLITS = frozenset({"train", "val", "train2014", "val2014", "train2017", "val2017"})
"""Folders above photos that those above masks often lack."""
_THREADS = 8
BESIDE = 100
"""Masks of a folder that are looked at where one is of levels 0 and 1."""
MAX_BYTES = 1 << 28
"""The largest file that is read as a mask."""


class MaskTree:
    """Masks in a folder and the folders below.

    Args:
        folder: of the masks.
        max_bytes: the largest file that is read.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._goes_above_one: dict[Path, bool] = {}

    def find(self, photo: str, key: str = "") -> NDArray[np.uint8] | None:
        """The mask of a photo.

        It lies under the photo's own path with an ending of `SUFFIXES` behind it or in place of its own (of
        ``a/b.jpg`` ``a/b.jpg.png`` or ``a/b.png``), under the same path without a first folder ``train`` or
        ``val``, or at the top under the photo's key. The first one that is there counts.

        Args:
            photo: its path inside its own folder.
            key: of its sample; empty for none.

        Returns:
            (h, w) uint8, 255 is foreground; None where there is none.

        Raises:
            ImageFault: the mask cannot be decoded, or is in color, transparent or of levels 0 and 1, as
                all beside it are; the photo's path leads out of the folder.
        """
        for name in _names(photo, key):
            path = self._folder / name
            if path.is_file():
                return self._read(path)
        return None

    def _read(self, path: Path) -> NDArray[np.uint8]:
        if path.stat().st_size > self._max_bytes:
            raise ImageFault("no-mask", f"{path.name} is larger than {self._max_bytes} bytes")
        try:
            levels = decode_gray(path.read_bytes())
        except OSError as error:
            raise ImageFault("no-mask", f"{path.name}: {error.strerror}") from error
        except ImageFault as fault:
            raise ImageFault("bad-mask", f"{path.name}: {fault}") from fault
        if levels.max() == 1 and not self._has_higher(path.parent):
            raise ImageFault("bad-mask", f"{path.name}: levels of 0 and 1; foreground is written as 255")
        return levels

    def _has_higher(self, folder: Path) -> bool:
        """Whether masks in this folder go above 1: one that does not is then one that found nothing."""
        if folder not in self._goes_above_one:
            beside = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)[:BESIDE]
            self._goes_above_one[folder] = any(self._is_higher(path) for path in beside)
        return self._goes_above_one[folder]

    def _is_higher(self, path: Path) -> bool:
        try:
            return path.stat().st_size <= self._max_bytes and int(decode_gray(path.read_bytes()).max()) > 1
        except (OSError, ImageFault):
            return False


def _names(photo: str, key: str) -> Iterator[str]:
    path = PurePosixPath(photo)
    if path.is_absolute() or ".." in path.parts:
        raise ImageFault("no-mask", f"the photo's path {photo} leads out of the masks' folder")
    paths = [path]
    if len(path.parts) > 1 and path.parts[0] in _SPLITS:
        paths.append(PurePosixPath(*path.parts[1:]))
    for one in paths:
        yield from (f"{one}{suffix}" for suffix in SUFFIXES)
        yield from (f"{one.with_suffix('')}{suffix}" for suffix in SUFFIXES)
    if key:
        yield from (f"{key}{suffix}" for suffix in SUFFIXES)


def tree_sha256(folder: Path) -> str:
    """A digest of the masks below a folder, their names and contents, wherever the folder lies.

    Every file is read.

    Raises:
        UsageError: there is no picture in it.
        SourceFault: a folder cannot be listed.
    """
    names = sorted(
        entry.name
        for entry in walk_folder(folder)
        if entry.kind == "file" and entry.name.lower().endswith(SUFFIXES)
    )
    if not names:
        raise UsageError(
            "no picture of a mask in this folder",
            where=str(folder),
            remedy="give a folder of PNG files, an instances_*.json, or shards with their manifest.json",
        )
    with ThreadPoolExecutor(_THREADS) as pool:
        hashes = pool.map(lambda name: file_sha256(folder / name), names)
        return digest([list(pair) for pair in zip(names, hashes, strict=True)])
