"""Reading samples by number for the loaders: what the draws need, and encoded pictures.

Broken samples are replaced by others.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ImageFault, ShardFault, UsageError
from maskgen.shards import naming, tar
from maskgen.shards.reader import BIT_ROT

from ..dataset.dataset import Dataset
from ..dataset.originals import Photos
from ..dataset.shard import damage, header, padded_bytes
from ..index.layout import key_hash
from ..storage.open_files import OpenFiles
from .bounds import bounds_of
from .broken import BrokenSample, Substitutes
from .buffers import (
    Buffers,
    Row,
    Small,
    Taken,
    locate_row,
    plausible,
)
from .pictures import PICTURES, picture_damage


class SampleReader:
    """Samples by number, with positioned reads.

    Never mapped, so a file cut under us is an error and not a crash.

    `take` reads a batch and, with ``on_error="skip"``, puts other samples in the place of broken ones. What
    breaks later (a picture that does not decode) is reported with `mark_broken`; reading the same batch again
    then gives a substitute. The substitute is a function of the sample's number alone, so epochs stay
    reproducible.

    Safe to share among threads. A copy in another process opens its own files.

    Args:
        dataset: from `open_dataset`.
        members: extensions that `encoded` and `take` will be asked for, such as ``("jpg", "bg.jpg")``; the
            first stands for the photo, also where it is stored as a PNG.
        on_error: ``raise``, or ``skip``.
        threads: how many threads `take` reads with; more than one pays on network file systems.
        open_files: tars kept open; by default as many as the process's limit allows, at most 256.

    Raises:
        UsageError: an option is out of range, or the data set has no such member.
    """

    def __init__(
        self,
        dataset: Dataset,
        members: Sequence[str] = (),
        *,
        on_error: str = "raise",
        threads: int = 1,
        open_files: int | None = None,
    ) -> None:
        if threads < 1:
            raise UsageError(f"threads={threads} is out of range", arguments=[("threads", "<1 or more>")])
        for ext in members:
            _check_member(dataset, ext)
        self.dataset = dataset
        self.threads = threads
        self._substitutes = Substitutes(dataset.samples, where=dataset.where, on_error=on_error)
        self._bounds = bounds_of(dataset.manifest)
        self._lost: dict[int, ShardFault] = {}
        self._open_files = open_files
        self._start()

    def _start(self) -> None:
        data = self.dataset
        self._files = OpenFiles(lambda number: data.open_tar(data.tars(number)), self._open_files)
        if self.dataset.cache is not None:
            self._files.capacity = 0  # an open tar could not be evicted
        self._pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_files", "_pool")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    @property
    def broken(self) -> dict[int, str]:
        """Samples found broken so far, by number, and what is wrong with each."""
        return self._substitutes.known_bad

    @property
    def skipped(self) -> int:
        """Samples found broken so far; `broken` says which, and why."""
        return len(self.broken)

    def close(self) -> None:
        """Close the files and end prefetching; the next read opens them again."""
        self._files.close()
        if self.dataset.photos is not None:
            self.dataset.photos.close()
        if self.dataset.cache is not None:
            self.dataset.cache.close()

    def keys(self, samples: NDArray[np.int64]) -> list[str]:
        """The keys of (B,) samples, by their numbers 0..N-1."""
        return self.dataset.keys(samples)

    def small(self, samples: NDArray[np.int64]) -> Small:
        """What the draws need of (B,) int64 samples.

        Raises:
            BrokenSample: one of them is damaged, whatever `on_error` says.
            EnvironmentFault: the files cannot be read for a reason outside them.
        """
        return self._strict(np.asarray(samples, np.int64), ()).small

    def encoded(self, sample: int, ext: str, meta: np.void | None = None) -> NDArray[np.uint8]:
        """Content of one member, (n,) uint8.

        It is that of the original photo where the data set was opened with `photos`.

        Args:
            sample: its number.
            ext: of the member.
            meta: of the sample, of `shards.meta.META`, where it was read before: a picture must have the size
                that it gives.

        Raises:
            BrokenSample: it is damaged, whatever `on_error` says.
            EnvironmentFault: the file cannot be read for a reason outside it.
        """
        if meta is None and ext in PICTURES:  # the picture's size is in the small members
            return self._strict(np.array([sample], np.int64), (ext,)).encoded[ext][0]
        row = locate_row(self.dataset, sample)
        try:
            with self._tar(row) as descriptor:
                return self._read_encoded(descriptor, row, ext, meta)
        except OSError as error:
            raise self.fault(sample, ext, "a member cannot be read", str(error)) from error

    def prefetch(self, samples: NDArray[np.int64]) -> None:
        """Begin to fetch the tars of (B,) samples that will be read soon.

        There is nothing to do where they lie here.
        """
        if self.dataset.cache is not None:
            numbers = np.unique(self.dataset.shard_numbers(np.asarray(samples, np.int64)))
            self.dataset.cache.prefetch([self.dataset.tars(number) for number in numbers.tolist()])

    def take(self, samples: NDArray[np.int64], members: Sequence[str] = ()) -> Taken:
        """Read a batch: (B,) int64 sample numbers; `members` are the extensions wanted beside the small ones.

        Raises:
            BrokenSample: one of them is damaged, and `on_error` is ``raise``.
            ShardFault: no whole sample was found in place of a broken one.
            EnvironmentFault: the files cannot be read for a reason outside them.
        """
        wanted = np.asarray(samples, np.int64)
        batch = Buffers(self._substitutes.substitute_broken(wanted), members, self._bounds.version)
        pending = np.arange(len(wanted))
        while faults := self._fill(batch, pending):
            for fault in faults.values():
                self.mark_broken(fault)
            pending = np.array(sorted(faults), np.int64)
            batch.samples[pending] = self._substitutes.substitute_broken(wanted[pending])
        return batch.taken

    def mark_broken(self, fault: BrokenSample) -> None:
        """Take note of a broken sample, so that `take` replaces it from now on.

        Raises:
            BrokenSample: `fault` itself, with ``on_error="raise"``.
        """
        self._substitutes.mark_broken(fault)

    def fault(self, sample: int, ext: str, what: str, cause: str = "damage") -> BrokenSample:
        """The error for a member that was read and turned out bad, with its tar, offset and key."""
        shard = self.dataset.alone(sample, self._key_of(sample))
        if ext == naming.PHOTO and self.dataset.photos is not None:
            where = self.dataset.photos.where(sample)
        else:
            ext = naming.stored_ext(ext, shard.members)
            start, _ = shard.place(0, shard.members.index(ext))
            where = f"{shard.tar_name} {shard.keys[0].decode()}.{ext} at byte {start}"
        return BrokenSample(what, where=where, cause=cause, sample=sample)

    def _key_of(self, sample: int) -> str:
        """Also where the table that knows it is lost with the tar."""
        with contextlib.suppress(ShardFault):
            return self.dataset.keys(np.array([sample]))[0]
        return f"sample-{sample}"

    def _strict(self, samples: NDArray[np.int64], members: Sequence[str]) -> Taken:
        batch = Buffers(samples, members, self._bounds.version)
        for fault in self._fill(batch, np.arange(len(samples))).values():
            raise fault
        return batch.taken

    def _fill(self, batch: Buffers, rows: NDArray[np.int64]) -> dict[int, BrokenSample]:
        """Read some rows of a batch; returns what is wrong with them."""
        located = batch.locate(self.dataset, rows)
        if self.dataset.cache is not None:
            shards = [self.dataset.tars(n) for n in {row.shard for row in located} - self._lost.keys()]
            self.dataset.cache.prefetch(shards, wait=True)
        if self._pool is None or len(located) < 2 * self.threads:
            faults = self._read(batch, located)
        else:
            parts = [located[k :: self.threads] for k in range(self.threads)]
            results = list(self._pool.map(lambda part: self._read(batch, part), parts))
            faults = {row: fault for found in results for row, fault in found.items()}
        for row in rows[~plausible(batch, rows, self._bounds)].tolist():
            if row not in faults:
                ext = naming.META if not self._bounds.hold(batch.meta[[row]])[0] else naming.SAT
                faults[row] = self.fault(int(batch.samples[row]), ext, "a member holds impossible values")
        return faults

    def _read(self, batch: Buffers, rows: list[Row]) -> dict[int, BrokenSample]:
        faults: dict[int, BrokenSample] = {}
        columns = [
            (ext, self.dataset.members.index(naming.stored_ext(ext, self.dataset.members)))
            for ext in batch.members
            if not self._is_original(ext)
        ]
        slots = {ext: batch.slots(rows, column) for ext, column in columns}
        for row in rows:
            try:
                with self._tar(row) as descriptor:
                    self._read_small(descriptor, batch, row)
                    for ext, slot in slots.items():
                        batch.encoded[ext][row.number] = self._read_encoded(
                            descriptor, row, ext, batch.meta[row.number], slot[row.number]
                        )
                    if self.dataset.photos is not None and naming.PHOTO in batch.members:
                        height, width = batch.meta["size"][row.number].tolist()
                        photo = self._read_original(self.dataset.photos, row, (height, width))
                        batch.encoded[naming.PHOTO][row.number] = photo
            except BrokenSample as fault:
                faults[row.number] = fault
            except OSError as error:
                faults[row.number] = self.fault(row.sample, naming.SAT, "a sample cannot be read", str(error))
        return faults

    @contextlib.contextmanager
    def _tar(self, row: Row) -> Iterator[int]:
        """The tar of a row.

        One that cannot be opened or fetched breaks all its samples, and is not tried again.
        """
        lost = self._lost.get(row.shard)
        if lost is None:
            try:
                with self._files.use(row.shard) as descriptor:
                    yield descriptor
                    return
            except BrokenSample:
                raise
            except ShardFault as fault:
                lost = self._lost[row.shard] = fault
        raise BrokenSample(lost.what, where=lost.where, cause=lost.cause, sample=row.sample) from lost

    def _read_small(self, descriptor: int, batch: Buffers, row: Row) -> None:
        """Three adjacent members in one system call, each into its place."""
        first = len(row.offsets) - len(batch.small_members)
        start = row.offsets[first] - tar.BLOCK
        parts = batch.small(row)
        buffers: list[Any] = [buffer for part in parts for buffer in part if len(buffer)]
        count = os.preadv(descriptor, buffers, start)
        for (block, content, _), ext in zip(parts, batch.small_members, strict=True):
            batch.keys[row.number] = self._check_header(bytes(block), row, ext, len(content))
        if count < sum(len(buffer) for buffer in buffers):
            raise self.fault(row.sample, naming.SAT, "a sample is cut short", "truncation")
        for place, (_, content, padding) in enumerate(parts, first):
            if what := damage(content, padding, row.checksums[place]):
                raise self.fault(row.sample, self.dataset.members[place], what, BIT_ROT)
        if naming.MASK in batch.small_members:
            try:
                batch.unpack(row, parts[0][1])
            except ImageFault as error:
                what = "a small mask cannot be decoded"
                raise self.fault(row.sample, naming.MASK, what, str(error)) from error

    def _read_encoded(
        self,
        descriptor: int,
        row: Row,
        ext: str,
        meta: np.void | None,
        slot: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """Content of a member, a picture of the size in `meta`; `slot` has room for whole blocks."""
        asked, ext = ext, naming.stored_ext(ext, self.dataset.members)
        column = self.dataset.members.index(ext)
        size = row.lengths[column]
        data = np.empty(int(padded_bytes(np.array(size))), np.uint8) if slot is None else slot
        count = os.preadv(descriptor, [data.data], row.offsets[column] - tar.BLOCK)
        self._check_header(data[: tar.BLOCK].tobytes(), row, ext, size)
        if count < len(data):
            raise self.fault(row.sample, ext, "a member is cut short", "truncation")
        content = data[tar.BLOCK : tar.BLOCK + size]
        if what := damage(content, data[tar.BLOCK + size :].tobytes(), row.checksums[column]):
            raise self.fault(row.sample, ext, what, BIT_ROT)
        size_of = self._bounds.picture_size(asked, meta) if asked in PICTURES and meta is not None else None
        if wrong := picture_damage(ext, content, size_of):
            raise self.fault(row.sample, ext, *wrong)
        return content

    def _is_original(self, ext: str) -> bool:
        return ext == naming.PHOTO and self.dataset.photos is not None

    def _read_original(self, photos: Photos, row: Row, size: tuple[int, int]) -> NDArray[np.uint8]:
        try:
            return photos.read(row.sample, size)
        except (ImageFault, OSError) as error:
            what = "a photo is not the one that its mask was made from"
            raise self.fault(row.sample, naming.PHOTO, what, str(error)) from error

    def _check_header(self, block: bytes, row: Row, ext: str, size: int) -> bytes:
        """The key in a header that is just what it must be."""
        key = block.partition(b".")[0]
        if key_hash(key) != row.hash or block != header(key + b"." + ext.encode(), size):
            cause = "swapped files, a tar of another run, truncation or damage"
            raise self.fault(row.sample, ext, "a tar does not hold the member that its table names", cause)
        return key


def _check_member(dataset: Dataset, ext: str) -> None:
    if naming.stored_ext(ext, dataset.members) in dataset.members or (
        ext == naming.PHOTO and dataset.photos is not None
    ):
        return
    if ext == naming.PHOTO:
        raise UsageError(
            "the shards hold no photos (layout sidecar)",
            where=dataset.where,
            remedy="make them with --layout full",
            arguments=[("photos", "<the folder of the originals>")],
        )
    what = f"the samples have no member .{ext}, only {', '.join(dataset.members)}"
    if ext == naming.BACKGROUND:
        lean = dataset.manifest.format == naming.LEAN_FORMAT
        raise UsageError(
            what,
            where=dataset.where,
            cause="the recipe shows the photos' backgrounds, and the shards were made with "
            + ("--members lean" if lean else "--background none"),
            remedy="make the shards anew without that, or take a recipe that fills with gray (relicv2)",
        )
    raise UsageError(what, where=dataset.where, remedy="make the shards anew, with it")
