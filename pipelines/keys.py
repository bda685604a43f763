"""The keys of a source's images, each of its own, and which of the images a run takes."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import SourceFault
from maskgen.shards import naming
from maskgen.shards.subset import Subset, SubsetDraw
from maskgen.types import Source, SourceItem


@dataclass
class Keys:
    """Keys made unique: 8 bytes of memory per image, and only the repeated ones in full.

    Args:
        fixed: whether a repeated name is an error.
        repeated: hashes of the keys that a pass before found repeated.
    """

    fixed: bool
    repeated: frozenset[int] = frozenset()
    _hashes: array[int] = field(default_factory=lambda: array("Q"))
    _taken: dict[str, str] = field(default_factory=dict)

    def key(self, item: SourceItem) -> str:
        """The key of the next image.

        Raises:
            SourceFault: another image has it, and it cannot be repaired.
        """
        key = naming.safe_key(item.name)
        if _hash64(key) in self.repeated:
            key = self._settle(key, item.path)
        self._hashes.append(_hash64(key))
        return key

    def _settle(self, key: str, path: str) -> str:
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
        return other

    def again(self) -> Keys | None:
        """What a second pass must know, or None when all keys are unique already."""
        values = np.sort(np.frombuffer(self._hashes, np.uint64)) if self._hashes else np.empty(0, np.uint64)
        repeated = frozenset(values[1:][values[1:] == values[:-1]].tolist())
        if repeated and self.repeated:
            raise SourceFault(
                "keys stay equal after repair",
                cause="the source lists an image twice",
                remedy="remove the second entry, or rename it",
            )
        return Keys(self.fixed, repeated) if repeated else None


def _hash64(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True)
class Taken:
    """The images of a source that a run takes.

    Args:
        mask: (N,) bool, for each image in the source's order.
        note: how they were chosen.
    """

    mask: NDArray[np.bool_]
    note: str

    def of(self, named: Iterable[tuple[str, SourceItem]]) -> Iterator[tuple[str, SourceItem]]:
        """Those of all images, each with its key, that are taken.

        Raises:
            SourceFault: there are more or fewer images than before.
        """
        count = 0
        for count, one in enumerate(named, 1):
            if count <= len(self.mask) and self.mask[count - 1]:
                yield one
        if count != len(self.mask):
            raise SourceFault(
                f"the source had {len(self.mask)} images, and then {count}",
                cause="it was changed while it was listed",
                remedy="run again when it stays as it is",
            )


def choose(source: Source, subset: Subset, keys: Keys, root: str | None = None) -> tuple[Taken, Keys]:
    """Which images belong to a subset, and what the pass that writes them must know of their keys.

    Every image has the key that it would have in a run of the whole source.

    Args:
        source: is listed once, or twice where keys repeat.
        subset: of its images.
        keys: unused yet.
        root: the source's folder.

    Raises:
        UsageError: the subset asks for keys, labels or more images than the source has.
    """
    while True:
        draw = SubsetDraw(subset, root)
        for item in source.items():
            draw.add(keys.key(item), item.label, item.path)
        again = keys.again()
        if again is None:
            mask = draw.chosen()
            return Taken(mask, draw.note), Keys(keys.fixed, keys.repeated)
        keys = again
