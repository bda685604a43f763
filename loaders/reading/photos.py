"""Batches of photos without masks: read, decoded, and replaced where they are damaged."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault, ImageFault, ShardFault
from maskgen.shards import coverage
from maskgen.shards.meta import META, UNKNOWN
from maskgen.types import RGB

from ..dataset.photo_set import PhotoSet
from .broken import BrokenSample, Substitutes
from .buffers import Small, Taken

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_MEND = "mend the photo, or remove it"

Each = Callable[[Callable[[int], RGB | BrokenSample], Sequence[int]], Iterator[RGB | BrokenSample]]


class PhotoReader:
    """Photos by number; those that are damaged are replaced as `SampleReader` replaces samples.

    Safe to share among threads.

    Args:
        photos: which.
        on_error: ``raise``, or ``skip`` to put other photos in the place of damaged ones.

    Raises:
        UsageError: `on_error` is neither.
    """

    def __init__(self, photos: PhotoSet, *, on_error: str = "raise") -> None:
        self.photos = photos
        self._substitutes = Substitutes(photos.samples, where=photos.where, on_error=on_error)

    @property
    def broken(self) -> dict[int, str]:
        """Photos found damaged so far, by number, and what is wrong with each."""
        return self._substitutes.known_bad

    @property
    def skipped(self) -> int:
        """Photos found damaged so far; `broken` says which, and why."""
        return len(self.broken)

    def close(self) -> None:
        """There is nothing to close: a photo is opened and closed when it is read."""

    def take(self, samples: NDArray[np.int64], each: Each) -> tuple[Taken, list[RGB]]:
        """A batch of (B,) int64 photo numbers: what the draws need of them, and their pixels.

        Args:
            samples: by their numbers.
            each: applies a function to many arguments, in order: `map`, or that of a thread pool.

        Raises:
            BrokenSample: one of them is damaged, and `on_error` is ``raise``.
            ShardFault: no whole photo was found in place of a damaged one.
            EnvironmentFault: no more files can be opened.
        """
        while True:
            chosen = self._substitutes.substitute_broken(samples)
            found = list(each(self._read, chosen.tolist()))
            faults = [one for one in found if isinstance(one, BrokenSample)]
            if not faults:
                photos = [one for one in found if not isinstance(one, BrokenSample)]
                sizes = [(photo.shape[0], photo.shape[1]) for photo in photos]
                keys = [self.photos.key(number) for number in chosen.tolist()]
                return Taken(chosen, unmasked(sizes, self.photos.labels[chosen]), {}, keys), photos
            for fault in faults:
                self._substitutes.mark_broken(fault)

    def _read(self, number: int) -> RGB | BrokenSample:
        try:
            return self.photos.read(number)
        except (ImageFault, ShardFault, OSError) as error:
            if isinstance(error, OSError) and error.errno in _EXHAUSTED:
                raise EnvironmentFault(
                    "cannot open a photo",
                    where=self.photos.key(number),
                    cause=str(error),
                    remedy="raise ulimit -n, or free memory",
                ) from error
            where = f"{self.photos.where}: {self.photos.key(number)}"
            cause = error.cause or error.what if isinstance(error, ImageFault | ShardFault) else str(error)
            what = "a photo cannot be read"
            return BrokenSample(what, where=where, cause=cause, sample=number, remedy=_MEND)


def unmasked(sizes: Sequence[tuple[int, int]], labels: NDArray[np.int64]) -> Small:
    """What the draws need of B photos without masks, as of photos without a foreground.

    Args:
        sizes: (height, width) of each, px.
        labels: (B,) of each, -1 where there is none.
    """
    count = len(sizes)
    meta = np.zeros(count, META)
    meta["size"] = np.reshape(sizes, (-1, 2))
    meta["label"], meta["confidence_ppm"] = labels, UNKNOWN
    sat = np.zeros((count, coverage.GRID + 1, coverage.GRID + 1), np.uint16)
    return Small(sat, np.zeros((count, coverage.FG_SIDE, coverage.FG_SIDE), np.uint8), meta)
