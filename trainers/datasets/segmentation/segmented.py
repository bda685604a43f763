"""Photos with the class of each pixel, whatever set they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskgen.config.fingerprint import digest
from maskgen.errors import ImageFault, SourceFault
from maskgen.io.images.decode import Limits, decode
from maskgen.types import RGB

from ..index_png import VOID

Classes = NDArray[np.uint8]
"""(H, W) numbers of classes, `VOID` for what does not count."""
_LIMITS = Limits(max_bytes=64 << 20, max_pixels=64_000_000, max_side=32_768)


@dataclass(frozen=True, eq=False)
class Segmented:
    """N photos, with the class of each pixel.

    Args:
        names: of the photos, without endings.
        photos: where they lie.
        truths: where their annotations lie.
        classes: the names of the classes, by number.
        read: the numbers of an annotation's file.
        layout: the official one in words, for errors.
    """

    names: tuple[str, ...]
    photos: tuple[Path, ...]
    truths: tuple[Path, ...]
    classes: tuple[str, ...]
    read: Callable[[Path], Classes]
    layout: str

    def __len__(self) -> int:
        return len(self.names)

    def photo(self, number: int) -> RGB:
        """(H, W, 3) uint8.

        Raises:
            SourceFault: it is missing or does not decode.
        """
        path = self.photos[number]
        try:
            return decode(path.read_bytes(), _LIMITS).image
        except (OSError, ImageFault) as error:
            raise SourceFault(
                "cannot read a photo", where=str(path), cause=str(error), remedy=self._remedy()
            ) from error

    def truth(self, number: int) -> Classes:
        """(H, W) numbers of `classes`, 255 for what does not count.

        Raises:
            SourceFault: it cannot be read, or has other numbers.
        """
        path = self.truths[number]
        found = self.read(path)
        wrong = found[(found >= len(self.classes)) & (found != VOID)]
        if wrong.size:
            raise SourceFault(
                f"a pixel has a class that {len(self.classes)} classes do not have: {wrong[0]}",
                where=str(path),
                cause="an annotation of objects instead of classes, or of another set",
                remedy=f"give classes from 0 to {len(self.classes) - 1}, and {VOID} for what does not count",
            )
        return found

    def pair(self, number: int) -> tuple[RGB, Classes]:
        """A photo and its classes.

        Raises:
            SourceFault: as `photo` and `truth`, or they differ in size.
        """
        photo, truth = self.photo(number), self.truth(number)
        if photo.shape[:2] != truth.shape:
            raise SourceFault(
                f"a photo of {photo.shape[1]}x{photo.shape[0]} px has an annotation of "
                f"{truth.shape[1]}x{truth.shape[0]} px",
                where=str(self.truths[number]),
                cause=f"the photo is {self.photos[number]}",
                remedy=self._remedy(),
            )
        return photo, truth

    def take(self, rows: Sequence[int]) -> Segmented:
        """Some of the photos, in the order of their numbers here."""
        return replace(
            self,
            names=tuple(self.names[row] for row in rows),
            photos=tuple(self.photos[row] for row in rows),
            truths=tuple(self.truths[row] for row in rows),
        )

    def fingerprint(self) -> str:
        """Of the names, and the annotations' sizes."""
        sizes = [path.stat().st_size for path in self.truths]
        return digest(list(zip(self.names, sizes, strict=True)))

    def check(self) -> Segmented:
        """Itself, if all its files are there.

        Raises:
            SourceFault: some are missing; the first is named.
        """
        for what, paths in (("photos", self.photos), ("annotations", self.truths)):
            missing = [path for path in paths if not path.is_file()]
            if missing:
                raise SourceFault(
                    f"{len(missing)} of {len(paths)} {what} are missing",
                    where=str(missing[0]),
                    remedy=self._remedy(),
                )
        return self

    def _remedy(self) -> str:
        return f"unpack the set's archive again: {self.layout}"
