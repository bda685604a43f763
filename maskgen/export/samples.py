"""Samples of a data set as an export reads them: facts from the tables, pictures from the tars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from maskgen.loaders import Dataset, SampleReader
from maskgen.loaders.dataset.labels import read_label
from maskgen.loaders.dataset.shard import Shard

from ..errors import ImageFault
from ..io.images.encode import encode_jpeg, resize_mask
from ..io.images.header import read_header
from ..io.images.stored import MAX_PIXELS, decode_mask, decode_photo
from ..shards import naming, table
from ..shards.patch import background_box, read_background
from ..shards.sample import TABLE_FACTS, hard_mask
from ..types import RGB, Box, HardMask, Label


class Facts(NamedTuple):
    """What a table says of a sample.

    Args:
        number: of the sample in its data set.
        key: of the sample.
        path: of the photo in its source.
        label: its class, its classes, or None.
        size: (height, width) of the stored photo, px.
        area: share of the foreground, 0 to 1.
        box: of the foreground, px.
        confidence: 0 to 1, how far the mask is to be trusted; None in formats 2 and 3.
        background: how it was made; ``none`` without one.
    """

    number: int
    key: str
    path: str
    label: Label
    size: tuple[int, int]
    area: float
    box: Box
    confidence: float | None
    background: str


class Samples:
    """Reads samples; safe to share among threads.

    Args:
        dataset: an open one.
        members: extensions that will be asked for, besides the mask's.

    Raises:
        UsageError: the data set has no such member.
    """

    def __init__(self, dataset: Dataset, members: tuple[str, ...] = ()) -> None:
        self.dataset = dataset
        self.reader = SampleReader(dataset, (naming.MASK, *members))
        self.binary = bool(dataset.manifest.identity["options"]["binary"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()

    def facts(self, first: int, end: int) -> Iterator[Facts]:
        """The facts of the samples from number `first` on, before number `end`.

        Raises:
            ShardFault: a table is damaged.
        """
        while first < end:
            number = int(self.dataset.shard_numbers(np.array([first]))[0])
            shard = self.dataset.shards[number]
            stop = min(end, shard.first + len(shard.keys))
            yield from self._facts(shard, first, stop)
            first = stop

    def _facts(self, shard: Shard, first: int, end: int) -> Iterator[Facts]:
        columns = list(TABLE_FACTS)
        if self.dataset.manifest.format < naming.CONFIDENCE_SINCE:
            columns.remove("confidence")
        rows = table.read(self.dataset.path / f"{shard.name}.parquet", columns).to_pylist()
        known = {row["key"]: row for row in rows}
        for number in range(first, end):
            yield _facts_of(number, known[shard.keys[number - shard.first].decode()])

    def open(self, facts: Facts) -> Sample:
        """A sample, of which nothing is read yet."""
        return Sample(self, facts)


def _facts_of(number: int, row: dict[str, Any]) -> Facts:
    return Facts(
        number=number,
        key=row["key"],
        path=row["path"],
        label=read_label(row["label"]),
        size=(row["height"], row["width"]),
        area=row["fg_area"],
        box=Box(*row["fg_box"]),
        confidence=row.get("confidence"),
        background=row["background"],
    )


@dataclass
class Sample:
    """A sample whose members are read when they are asked for.

    Every property and method may raise ShardFault (a member is damaged) or EnvironmentFault (it cannot be
    read for a reason outside it).

    Args:
        samples: it is one of.
        facts: what the table says of it.
    """

    samples: Samples
    facts: Facts

    @cached_property
    def stored(self) -> NDArray[np.uint8]:
        """The mask as it is stored, (h, w) uint8."""
        height, width = self.facts.size
        if not (height > 0 and width > 0 and height * width <= MAX_PIXELS):
            raise self._fault(naming.META, "a table states an impossible size", f"{width}x{height} px")
        try:
            return decode_mask(self._bytes(naming.MASK))
        except ImageFault as fault:
            raise self._fault(naming.MASK, "a mask does not decode", str(fault)) from fault

    @property
    def hard(self) -> HardMask:
        """The foreground, (H, W) bool at the photo's size."""
        return hard_mask(self.stored, self.samples.dataset.level, self.facts.size)

    def mask(self, *, binary: bool) -> NDArray[np.uint8]:
        """The mask at the photo's size, (H, W) uint8: 0 and 255, or soft where it was stored so."""
        if binary or self.samples.binary:
            return self.hard.astype(np.uint8) * np.uint8(255)
        stored = self.stored
        return stored if stored.shape == self.facts.size else resize_mask(stored, self.facts.size)

    @cached_property
    def photo(self) -> bytes:
        """The photo's bytes, a JPEG or a PNG."""
        return self._bytes(naming.PHOTO)

    @property
    def photo_ending(self) -> str:
        """The ending of its file's name, ``jpg`` or ``png``."""
        dataset = self.samples.dataset
        return naming.PHOTO if dataset.photos else naming.stored_ext(naming.PHOTO, dataset.members)

    @cached_property
    def pixels(self) -> RGB:
        """The photo, (H, W, 3) uint8 RGB."""
        try:
            pixels = decode_photo(self.photo)
        except ImageFault as fault:
            raise self._fault(naming.PHOTO, "a photo does not decode", str(fault)) from fault
        if pixels.shape[:2] != self.facts.size:
            cause = f"it has {pixels.shape[1]}x{pixels.shape[0]} px, the table says {self.facts.size[::-1]}"
            raise self._fault(naming.PHOTO, "a photo has another size than its mask", cause)
        return pixels

    def background(self, quality: int) -> bytes:
        """The whole background at the photo's size, a JPEG.

        The stored one as it is, where that is so; else encoded anew with `quality`, 1 to 100.
        """
        stored, meta = self._bytes(naming.BACKGROUND), self._bytes(naming.META)
        try:
            header = read_header(stored)
            whole = background_box(meta) == Box(0, 0, *self.facts.size)
            if whole and (header.height, header.width) == self.facts.size:
                return stored
            members = {naming.BACKGROUND: stored, naming.META: meta}
            return encode_jpeg(read_background(members, None if whole else self.pixels), quality)
        except ImageFault as fault:
            raise self._fault(naming.BACKGROUND, "a background does not decode", str(fault)) from fault

    def _bytes(self, ext: str) -> bytes:
        return self.samples.reader.encoded(self.facts.number, ext).tobytes()

    def _fault(self, ext: str, what: str, cause: str) -> Exception:
        return self.samples.reader.fault(self.facts.number, ext, what, cause)
