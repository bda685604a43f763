"""Photos without masks, read by number: what a loader needs of a folder or a public set that is no shards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from maskgen.config.fingerprint import digest
from maskgen.types import RGB

from ..order.shuffle import GlobalOrder, Order


@dataclass(frozen=True, slots=True, eq=False)
class PhotoSet:
    """N photos in one order.

    Args:
        where: they lie, for errors.
        fingerprint: of which photos these are, in what order, and of their labels.
        labels: (N,) int64, -1 where there is none.
        read: a photo by its number, (H, W, 3) uint8 RGB; safe to call from several threads. It raises
            ImageFault, ShardFault or OSError of a photo that is damaged.
        key: a photo's path or name by its number.
        names: of the classes by number; empty where they have none.
    """

    where: str
    fingerprint: str
    labels: NDArray[np.int64]
    read: Callable[[int], RGB]
    key: Callable[[int], str] = str
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """N."""
        return len(self.labels)

    def order(self, seed: int, epoch: int) -> Order:
        """The order of an epoch, as that of shards with a global shuffle."""
        return GlobalOrder(self.samples, seed, epoch)

    def take(self, chosen: NDArray[np.bool_]) -> PhotoSet:
        """Those photos alone for which `chosen`, (N,) bool, is True, numbered anew."""
        rows = np.flatnonzero(chosen)
        read, key = self.read, self.key
        return replace(
            self,
            fingerprint=digest([self.fingerprint, digest(rows.tolist())]),
            labels=self.labels[rows],
            read=lambda number: read(int(rows[number])),
            key=lambda number: key(int(rows[number])),
        )
