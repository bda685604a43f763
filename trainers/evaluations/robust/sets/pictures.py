"""Pictures of a set by their paths, read when they are asked for; a set that is not whole is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from maskgen.config.fingerprint import digest
from maskgen.errors import UsageError
from maskgen.io.folders import walk_folder
from maskgen.trainers.datasets.images import Images, Pixels
from maskgen.trainers.datasets.public.folder import why_missing
from maskgen.trainers.datasets.public.picture import read_picture

ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
Change = Callable[[Pixels, PurePosixPath], Pixels]


@dataclass(frozen=True, slots=True)
class Layout:
    """What a public set looks like when it is whole.

    Args:
        text: the layout in words.
        pictures: how many there are.
        classes: folders of classes; 0: it is not counted.
    """

    text: str
    pictures: int
    classes: int = 0


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures below a folder.

    Args:
        folder: they lie in.
        paths: of each, from the folder; (N,), sorted.
        sizes: of the files, bytes.
    """

    folder: Path
    paths: tuple[PurePosixPath, ...]
    sizes: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @classmethod
    def below(cls, folder: Path) -> Pictures:
        """All pictures in a folder and below it.

        Raises:
            SourceFault: a folder cannot be listed.
        """
        found = [
            (PurePosixPath(entry.name), entry.size)
            for entry in (walk_folder(folder) if folder.is_dir() else ())
            if entry.kind == "file" and PurePosixPath(entry.name).suffix.lower() in ENDINGS
        ]
        found.sort()
        return cls(folder, tuple(path for path, _ in found), tuple(size for _, size in found))

    def take(self, rows: Sequence[int]) -> Pictures:
        """Some of them, in the order of the rows."""
        return Pictures(
            self.folder, tuple(self.paths[row] for row in rows), tuple(self.sizes[row] for row in rows)
        )

    @property
    def folders(self) -> list[str]:
        """The name of the innermost folder of each; empty for what lies in none."""
        return [path.parent.name for path in self.paths]

    def images(
        self, labels: NDArray[np.int64] | None = None, change: Change | None = None, mark: str = ""
    ) -> Images:
        """The same for a network.

        Args:
            labels: (N,) int64; None: all 0, where what is right is known elsewhere.
            change: what is done to the pixels, given those and the path.
            mark: names that change in the fingerprint.
        """
        folder, paths = self.folder, self.paths

        def read(number: int) -> Pixels:
            path = folder / paths[number]
            image = read_picture(path.read_bytes(), str(path))
            return image if change is None else change(image, paths[number])

        listing = [[str(path), size] for path, size in zip(paths, self.sizes, strict=True)]
        given = np.zeros(len(paths), np.int64) if labels is None else labels
        return Images(given, digest([listing, mark]), read)


def require_whole(found: Pictures, kind: str, layout: Layout, *, partial: bool) -> None:
    """Refuse a set that is not whole.

    Args:
        found: of the set.
        kind: its name.
        layout: how it is when it is whole.
        partial: whether a part of it will do.

    Raises:
        UsageError: there are no pictures, or others than there should be and that is not allowed.
    """
    classes = len(set(found.folders))
    whole = len(found) == layout.pictures and classes in (layout.classes or classes, 1)
    if len(found) and (whole or partial):
        return
    there = f"{len(found):,} pictures" + (f" in {classes} folders" if len(found) else "")
    raise UsageError(
        f"{kind} is not the whole set: {there}",
        where=str(found.folder),
        cause="another folder, or a download or an unpacking that ended early"
        if len(found)
        else why_missing(found.folder),
        remedy=f"give a folder with {layout.text}"
        + (", or --partial to judge what there is" if len(found) else ""),
    )
