"""The keys of a source's images, each of its own, and which of the images a run takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import SourceFault
from maskgen.shards import naming
from maskgen.shards.subset import Subset, SubsetDraw
from maskgen.types import Label

Hashes = Callable[[], Iterable[NDArray[np.uint64]]]
"""All images' hashes in their order, some at a time."""
_AT_ONCE = 1 << 25
"""Hashes that are compared in memory together: 256 MB."""


def hash64(key: str) -> int:
    """64 bits of a key's BLAKE2b."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")


def find_repeated(hashes: Hashes, images: int) -> NDArray[np.uint64]:
    """The hashes that more than one image has, sorted.

    They are compared in as many rounds as keep the memory at half a gigabyte, each over those that begin with
    the same bits.
    """
    bits = max(0, (images // _AT_ONCE).bit_length())
    found = [np.empty(0, np.uint64)]
    for start in range(1 << bits):
        parts = [part if not bits else part[part >> np.uint64(64 - bits) == start] for part in hashes()]
        values = np.concatenate(parts) if parts else found[0]
        values.sort()
        found.append(np.unique(values[1:][values[1:] == values[:-1]]))
    return np.concatenate(found)


def lie_in(values: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """(N,) bool: which of N values are among the sorted known ones."""
    if not len(known):
        return np.zeros(len(values), np.bool_)
    places = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.asarray(known[places] == values)


@dataclass
class Repeats:
    """Images whose key others have too, told in their order: the first keeps it.

    Args:
        fixed: whether a repeated key is an error.
    """

    fixed: bool
    _taken: dict[str, str] = field(default_factory=dict)
    _repaired: set[str] = field(default_factory=set)

    def settle(self, key: str, path: str) -> str:
        """The key of the next such image.

        Raises:
            SourceFault: it cannot be repaired.
        """
        if key not in self._taken:
            self._taken[key] = path
            return key
        other = naming.repaired_key(key, path)
        if self.fixed or other in self._taken:
            raise SourceFault(
                f"two images have the key {key!r}",
                where=f"{self._taken[key]} and {path}",
                cause="the source names both alike",
                remedy="rename one of them",
            )
        self._taken[other] = path
        self._repaired.add(other)
        return other

    def check(self, hashes: Hashes) -> None:
        """Make sure that no image had a repaired key before.

        Raises:
            SourceFault: one had.
        """
        repaired = np.sort(np.array([hash64(key) for key in self._repaired], np.uint64))
        if any(lie_in(part, repaired).any() for part in hashes()):
            raise SourceFault(
                "keys stay equal after repair",
                cause="the source lists an image twice",
                remedy="remove the second entry, or rename it",
            )


@dataclass(frozen=True)
class Taken:
    """The images of a source that a run takes.

    Args:
        numbers: (n,) int64, of the images in the source's order.
        note: how they were chosen.
    """

    numbers: NDArray[np.int64]
    note: str


def choose(images: Iterator[tuple[str, Label, str]], subset: Subset, root: str | None = None) -> Taken:
    """Which images belong to a subset.

    Every image has the key that it would have in a run of the whole source.

    Args:
        images: key, label and path of each.
        subset: of them.
        root: the source's folder.

    Raises:
        UsageError: the subset asks for keys, labels or more images than the source has.
    """
    draw = SubsetDraw(subset, root)
    for key, label, path in images:
        draw.add(key, label, path)
    return Taken(np.flatnonzero(draw.chosen()), draw.note)
