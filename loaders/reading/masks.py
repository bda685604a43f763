"""The masks of a data set for other projects: as numpy arrays, torch tensors or COCO run lengths."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault, ImageFault, ShardFault
from maskgen.io.images.stored import MAX_PIXELS, decode_mask
from maskgen.io.rle import compress_counts, encode_counts
from maskgen.shards import naming, table
from maskgen.shards.meta import unpack_meta
from maskgen.shards.sample import TABLE_FACTS, facts_of, hard_mask
from maskgen.types import HardMask

from ..dataset.dataset import Dataset
from ..dataset.open import open_dataset
from ..dataset.shard import Shard, read_member
from ..storage.temporary import cache_for
from .source_paths import SourcePaths

if TYPE_CHECKING:
    from torch import Tensor


class Rle(TypedDict):
    """A mask as COCO stores it.

    Keys:
        size: [height, width], px.
        counts: run lengths in column order, background first: compressed to a string, or as a list.
    """

    size: list[int]
    counts: str | list[int]


class MaskReader:
    """The masks of a data set, by key or in order; numpy and cv2 are enough.

    ``for key, mask in MaskReader(folder)`` yields every mask in the order of the shards; ``reader[key]``
    reads one. Masks are (h, w) uint8, 255 is foreground: soft values, or 0 and 255 where they were stored
    binary. They cover the whole upright photo and may be stored smaller than it; `hard` and `rle` have the
    photo's size. No file stays open, so a reader may be shared with forked or spawned workers.

    Args:
        data: the folder, see `open_dataset`, which checks it first; its address in an object store, whose
            tars are then fetched when they are needed; or an open data set.
        cache: folder on a local disk that the tars are fetched into, and kept for the next time, see
            `open_dataset`; None: for an address one that is removed at the end.
        allow_incomplete: accept a run that has not ended.

    Raises:
        ShardFault: the folder is not what its manifest says.
        UsageError: the run has not ended.
    """

    def __init__(
        self, data: str | Path | Dataset, *, cache: str | Path | None = None, allow_incomplete: bool = False
    ) -> None:
        if isinstance(data, Dataset):
            self.dataset = data
        else:
            kept = cache or cache_for(data)
            self.dataset = open_dataset(data, allow_incomplete=allow_incomplete, cache=kept)

    def __len__(self) -> int:
        return self.dataset.samples

    def __iter__(self) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Yield (key, (h, w) uint8 mask) in the order of the shards.

        Raises:
            ShardFault: a tar was changed since the folder was opened, or a mask cannot be decoded.
        """
        column = self.dataset.members.index(naming.MASK)
        for shard in self.dataset.shards:
            with self.dataset.descriptor(shard) as tar:
                for row, key in enumerate(shard.keys.tolist()):
                    data = read_member(tar, shard, row, column, naming.MASK)
                    yield key.decode(), _decode(data, shard, row)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.dataset.find(key) is not None

    def __getitem__(self, key: str) -> NDArray[np.uint8]:
        """The (h, w) uint8 mask of a sample.

        Raises:
            KeyError: no such sample.
            ShardFault: the tar was changed since the folder was opened, or the mask cannot be decoded.
        """
        shard = self._place(key)
        return _decode(self._read(shard, naming.MASK), shard, 0)

    def key_of(self, path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> str:
        """The key of a photo by its path, as `ImageFolder` or a walk of the originals has it.

        A photo in quarantine has a key too, and no mask: ``key in reader`` tells.

        Args:
            path: of the photo, absolute or relative to any folder from the source's root upwards.
            root: the run's ``--input``; needed only where the end of a path could mean two photos.

        Raises:
            KeyError: no photo of the source has this path.
            UsageError: two could be meant.
            ShardFault: a table is damaged.

        Example:
            ```python
            reader = MaskReader("shards/")
            mask = reader[reader.key_of("photos/animals/chelsea.jpg")]
            ```
        """
        return self._source_paths.key_of(path, root)

    @cached_property
    def _source_paths(self) -> SourcePaths:
        names = (self.dataset.tars(number).name for number in range(len(self.dataset.shards)))
        return SourcePaths(self.dataset.path, names)

    def keys(self) -> Iterator[str]:
        """The keys in the order of the shards."""
        for number in range(len(self.dataset.shards)):
            yield from (key.decode() for key in self.dataset.shard_keys(number).tolist())

    def torch(self, key: str) -> Tensor:
        """The mask of a sample as a (h, w) uint8 tensor on the CPU.

        Raises:
            KeyError: no such sample.
            ShardFault: the tar was changed since the folder was opened, or the mask cannot be decoded.
            EnvironmentFault: torch is not installed.
        """
        try:
            from torch import from_numpy
        except ImportError as error:
            raise EnvironmentFault(
                "a tensor needs torch", remedy='pip install "maskgen[train]", or take reader[key]'
            ) from error
        return from_numpy(self[key])

    def hard(self, key: str) -> HardMask:
        """The foreground of a sample at its photo's size, (H, W) bool.

        The pixels that the shards' boxes count.

        Raises:
            KeyError: no such sample.
            ShardFault: the tar was changed since the folder was opened, or a member is damaged.
        """
        shard = self._place(key)
        height, width = unpack_meta(self._read(shard, naming.META))["size"].tolist()
        if min(height, width) < 1 or height * width > MAX_PIXELS:
            raise _damaged(shard, 0, naming.META, ValueError(f"a photo of {width}x{height} px"))
        return hard_mask(self[key], self.dataset.level, (height, width))

    def rle(self, key: str, *, compressed: bool = True) -> Rle:
        """The foreground of a sample in COCO's run lengths, as pycocotools reads and writes them.

        Args:
            key: of the sample.
            compressed: the counts as COCO's string; otherwise as a list of integers.

        Raises:
            KeyError: no such sample.
            ShardFault: the tar was changed since the folder was opened, or a member is damaged.
        """
        mask = self.hard(key)
        counts = encode_counts(mask)
        return Rle(size=list(mask.shape), counts=compress_counts(counts) if compressed else counts.tolist())

    def record(self, key: str) -> dict[str, Any]:
        """What the sample's JSON says.

        Source, width, height, label, method, threshold, fg_area, fg_box, background. Lean samples have none:
        theirs is made from the table, without `damage`, which that has not.

        Raises:
            KeyError: no such sample.
            ShardFault: the tar was changed since the folder was opened, or the JSON is damaged.
        """
        shard = self._place(key)
        if naming.JSON not in self.dataset.members:
            rows = table.read(self.dataset.path / f"{shard.name}.parquet", list(TABLE_FACTS))
            found = next(one for one in rows.to_pylist() if one["key"] == key)
            return facts_of(found, self.dataset.manifest.identity["options"])
        try:
            facts: dict[str, Any] = json.loads(self._read(shard, naming.JSON))
        except ValueError as error:
            raise _damaged(shard, 0, naming.JSON, error) from error
        return facts

    def _read(self, shard: Shard, ext: str) -> bytes:
        """A member of the one sample of a `Dataset.alone`."""
        with self.dataset.descriptor(shard) as tar:
            return read_member(tar, shard, 0, self.dataset.members.index(ext), ext)

    def __getstate__(self) -> dict[str, Any]:
        """A copy for a worker leaves the sorted paths behind; they are made again where they are needed."""
        return {"dataset": self.dataset}

    def _place(self, key: str) -> Shard:
        number = self.dataset.find(key) if isinstance(key, str) else None
        if number is None:
            raise KeyError(
                f"no mask of {key!r}: its photo may be in quarantine (`key in reader` tells), or is named by "
                "its path (reader.key_of(path) gives the key)"
            )
        return self.dataset.alone(number, key)


def _decode(data: bytes, shard: Shard, row: int) -> NDArray[np.uint8]:
    try:
        return decode_mask(data)
    except ImageFault as error:
        raise _damaged(shard, row, naming.MASK, error) from error


def _damaged(shard: Shard, row: int, ext: str, error: Exception) -> ShardFault:
    return ShardFault(
        "a member is damaged",
        where=f"{shard.name}.tar {shard.keys[row].decode()}.{ext}",
        cause=str(error),
        remedy="maskgen verify --full lists all damage",
    )
