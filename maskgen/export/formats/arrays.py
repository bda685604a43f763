"""Masks as arrays: a zarr store, version 3, whose shards hold a chunk for each mask."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault
from maskgen.io.images.encode import resize_mask
from maskgen.processes.signals import StopSignals, interrupted
from maskgen.shards.naming import MAX_KEY

from ..metadata.provenance import describe_masks
from ..samples import Sample
from .format import Format, Row

T = TypeVar("T")
STORE = "masks.zarr"
SHARD_BYTES = 64 << 20
"""Of masks of a shard before they are compressed: what is held in memory, and one object of a store."""
_PLAIN: dict[str, tuple[tuple[int, ...], str, Any]] = {
    "key": ((MAX_KEY,), "uint8", 0),
    "size": ((2,), "int32", 0),
    "label": ((), "int64", -1),
    "coverage": ((), "float64", float("nan")),
    "confidence": ((), "float64", float("nan")),
}
"""The other arrays: the shape of a row, its type, and what stands for a missing value."""


class Arrays(Format):
    """A group of arrays, their rows in the order of the samples.

    ``mask`` is (N, H, W) uint8, H and W those of the tallest and the widest photo: sample n's is
    ``mask[n, :h, :w]`` with ``h, w = size[n]``, and zero beside it, which takes no room once compressed. With
    `side` it is (N, side, side), the masks squeezed to squares. A chunk is one mask, compressed by zstd and
    followed by its CRC-32C; a shard is one part. ``key`` is (N, 90) uint8, ASCII ended by zeros. A damaged
    sample has a key of zeros.
    """

    def prepare(self) -> None:
        """Look for zarr.

        Raises:
            EnvironmentFault: it is not installed.
        """
        try:
            import zarr  # noqa: F401
        except ImportError as error:
            raise EnvironmentFault(
                "zarr stores need the package zarr", remedy='pip install "maskgen[export]"'
            ) from error

    @cached_property
    def plane(self) -> tuple[int, int]:
        """Height and width of the array of masks, px."""
        if self.settings.side:
            return self.settings.side, self.settings.side
        height = width = 1
        for facts in self.samples.facts(0, self.samples.dataset.samples):
            height, width = max(height, facts.size[0]), max(width, facts.size[1])
        return height, width

    @property
    def part_samples(self) -> int:
        """As many as a shard has."""
        height, width = self.plane
        return max(1, min(self.settings.part_size, SHARD_BYTES // (height * width)))

    def convert(self, sample: Sample) -> Row:
        """The rows of a sample."""
        facts = sample.facts
        mask = sample.mask(binary=self.settings.binary)
        if self.settings.side:
            mask = resize_mask(mask, self.plane)
            mask = np.where(mask < 128, np.uint8(0), np.uint8(255)) if self.settings.binary else mask
        return {
            "number": facts.number,
            "mask": mask,
            "key": np.frombuffer(facts.key.encode().ljust(MAX_KEY, b"\0"), np.uint8),
            "size": facts.size,
            "label": facts.label if isinstance(facts.label, int) else -1,
            "coverage": facts.area,
            "confidence": np.nan if facts.confidence is None else facts.confidence,
        }

    def write_part(self, part: int, rows: Iterator[Row]) -> Iterable[Row]:
        """Write a chunk of each array, a shard of the masks'."""
        first = part * self.part_samples
        count = min(self.part_samples, self.samples.dataset.samples - first)
        held: dict[str, NDArray[Any]] = {"mask": np.zeros((count, *self.plane), np.uint8)}
        held |= {
            name: np.full((count, *shape), missing, kind) for name, (shape, kind, missing) in _PLAIN.items()
        }
        for row in rows:
            place = row["number"] - first
            for name in _PLAIN:
                held[name][place] = row[name]
            height, width = row["mask"].shape
            held["mask"][place, :height, :width] = row["mask"]
        self._write(to_the_end(lambda: self._filled(held, first)), metadata=False)
        return ()

    def finish(self, rows: Iterable[Row]) -> None:  # noqa: ARG002
        """Write what the arrays are: only then does a reader find them."""
        self._write(to_the_end(self._store)[1], metadata=True)

    def _write(self, files: dict[str, Any], *, metadata: bool) -> None:
        for path, buffer in sorted(files.items()):
            if path.endswith("zarr.json") == metadata:
                self.output.write(f"{STORE}/{path}", buffer.to_bytes())

    def _filled(self, held: dict[str, NDArray[Any]], first: int) -> dict[str, Any]:
        """The files of the group with these rows from number `first` on."""
        group, files = self._store()
        for name, values in held.items():
            group[name][first : first + len(values)] = values
        return files

    def _store(self) -> tuple[Any, dict[str, Any]]:
        """The group without any rows, and its files as they come to be."""
        import zarr
        from zarr.codecs import Crc32cCodec, ZstdCodec
        from zarr.storage import MemoryStore

        files: dict[str, Any] = {}
        count, size = self.samples.dataset.samples, self.part_samples
        about = {
            "title": self.title,
            "license": self.settings.license,
            "fingerprint": self.samples.dataset.fingerprint,
            "masks": describe_masks(self.samples.dataset.manifest),
        }
        group = zarr.create_group(MemoryStore(files), attributes=about)
        group.create_array(
            "mask",
            shape=(count, *self.plane),
            dtype="uint8",
            chunks=(1, *self.plane),
            shards=(size, *self.plane),
            compressors=[ZstdCodec(level=3), Crc32cCodec()],
            dimension_names=["sample", "y", "x"],
        )
        for name, (shape, kind, missing) in _PLAIN.items():
            group.create_array(
                name,
                shape=(count, *shape),
                dtype=kind,
                chunks=(size, *shape),
                fill_value=missing,
                compressors=[ZstdCodec(level=3), Crc32cCodec()],
            )
        return group, files


def to_the_end(work: Callable[[], T]) -> T:
    """What `work` returns; a signal that comes meanwhile ends it afterwards.

    Zarr works in an event loop of its own, which complains of every task that is left in its middle.

    Raises:
        Interrupted: a signal came.

    Example:
        >>> from maskgen.export.formats.arrays import to_the_end
        >>> to_the_end(lambda: 7)
        7
    """
    with StopSignals(patience=math.inf) as signals:
        made = work()
    if signals:
        raise interrupted()
    return made
