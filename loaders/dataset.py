"""A folder of shards, opened only when it is exactly what its manifest says."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from maskgen.errors import ShardFault, UsageError
from maskgen.io.atomic import file_sha256
from maskgen.shards import coverage, manifest, naming, table, tar
from maskgen.shards.index import VERSION as INDEX_VERSION
from maskgen.shards.manifest import Manifest
from maskgen.shards.reader import check_size
from maskgen.shards.record import Record
from maskgen.shards.sample import cut_level

COPY_AGAIN = "copy the data set again, or where it was made: maskgen verify --repair, then maskgen run"
_FIXED_BYTES = {
    naming.SAT: 2 * (coverage.GRID + 1) ** 2,
    naming.FG: coverage.FG_SIDE**2,
    naming.META: 4 * len(coverage.META_FIELDS),
}
_NEEDED = (naming.MASK, naming.JSON, *_FIXED_BYTES)


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """A shard of an open data set.

    Args:
        name: its stem.
        first: number of its first sample in the data set.
        keys: (N,) ASCII bytes, in tar order.
        offsets: (N, M) int64, where each member's content begins in the tar, bytes; columns as in the manifest.
        sizes: (N, M) int64, its length, bytes.
    """

    name: str
    first: int
    keys: NDArray[np.bytes_]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """An open data set; make it with `open_dataset`.

    Args:
        path: its folder.
        manifest: what it holds.
        shards: the shards that have samples, in order.
    """

    path: Path
    manifest: Manifest
    shards: tuple[Shard, ...]

    @property
    def samples(self) -> int:
        """Samples in all shards."""
        return self.manifest.samples

    @property
    def members(self) -> tuple[str, ...]:
        """Extensions that every sample has, in tar order."""
        return self.manifest.members

    @property
    def threshold(self) -> float:
        """Mask value in [0, 1] from which a pixel was counted as foreground when the shards were made."""
        return self.manifest.threshold

    @property
    def level(self) -> int:
        """The smallest stored mask value, 1..255, that counts as foreground."""
        return 128 if self.manifest.identity["options"]["binary"] else cut_level(self.threshold)

    def tar(self, shard: Shard) -> Path:
        """The tar of a shard."""
        return self.path / f"{shard.name}.tar"

    @contextlib.contextmanager
    def descriptor(self, shard: Shard) -> Iterator[int]:
        """A shard's tar, open for `read_member`.

        Raises:
            ShardFault: it cannot be opened any more.
        """
        path = self.tar(shard)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise ShardFault(
                "cannot open a tar", where=path.name, cause=str(error), remedy=COPY_AGAIN
            ) from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def read_member(descriptor: int, shard: Shard, row: int, column: int, ext: str) -> bytes:
    """Content of one member through an open tar; `column` is the place of `ext` among the members.

    Raises:
        ShardFault: another member lies there, or the tar ends before it does.
    """
    start, size = int(shard.offsets[row, column]) - tar.BLOCK, int(shard.sizes[row, column])
    data = os.pread(descriptor, tar.BLOCK + size, start)
    _check_header(data, shard, row, column, ext)
    if len(data) != tar.BLOCK + size:
        raise ShardFault(
            "a member is cut short", where=f"{shard.name}.tar", cause="truncation", remedy=COPY_AGAIN
        )
    return data[tar.BLOCK :]


def _check_header(data: bytes, shard: Shard, row: int, column: int, ext: str) -> None:
    """Compare the 512 bytes before a member's content with what they must be."""
    name = f"{shard.keys[row].decode()}.{ext}"
    if data[: tar.BLOCK] != tar.header(name, int(shard.sizes[row, column])):
        raise ShardFault(
            "a tar does not hold the member that its table names",
            where=f"{shard.name}.tar {name} at byte {shard.offsets[row, column]}",
            cause="swapped files, a tar of another run, or damage",
            remedy=COPY_AGAIN,
        )


def open_dataset(path: str | Path, *, allow_incomplete: bool = False, check_hashes: bool = False) -> Dataset:
    """Open a folder that `maskgen run` wrote, or a copy of its manifest, tars, indexes and tables.

    Checked before anything is handed out: the manifest's seal and sums; that no shard is missing, extra, renamed
    or swapped and there is one manifest; every file's size; the SHA-256 of every index and table; that index,
    table and manifest count the same samples; that the members fill each tar to its last byte; and, in a few
    places of each tar, that the headers are those of the table. A flipped byte inside a tar's contents is found
    with `check_hashes` only (it reads every byte).

    Args:
        path: the folder.
        allow_incomplete: accept a run that has not ended; files it has not committed yet are left alone.
        check_hashes: also compare the SHA-256 of every tar.

    Raises:
        ShardFault: something is not what the manifest says.
        UsageError: the run has not ended, and `allow_incomplete` is off.
    """
    path = Path(path)
    whole = _read_manifest(path)
    if not whole.complete and not allow_incomplete:
        raise UsageError(
            f"the run has not ended: {whole.samples + whole.failed} of {whole.planned} images are done",
            where=str(path),
            remedy="run the same maskgen run command again, or open the folder with allow_incomplete=True",
        )
    _check_folder(path, whole)
    shards: list[Shard] = []
    for record in whole.shards:
        first = shards[-1].first + len(shards[-1].keys) if shards else 0
        shard = _open_shard(path, record, whole.members, first)
        if check_hashes and "tar" in record.files:
            _check_hash(path / f"{record.name}.tar", record.files["tar"].sha256)
        if record.samples:
            shards.append(shard)
    _check_unique(shards)
    return Dataset(path, whole, tuple(shards))


def _read_manifest(path: Path) -> Manifest:
    whole = manifest.read(path)
    names = [record.name for record in whole.shards]
    known = tuple(ext for ext in naming.MEMBERS if ext in whole.members)
    done = whole.samples + whole.failed
    sound = (
        whole.render() == (path / naming.MANIFEST).read_bytes()
        and names == sorted(set(names))
        and all(naming.KEY.match(name) for name in names)
        and whole.members == known
        and set(_NEEDED) <= set(known)
        and (done == whole.planned if whole.complete else done <= whole.planned)
        and all(bool(record.samples) == ("tar" in record.files) for record in whole.shards)
    )
    if not sound:
        raise ShardFault(
            "the manifest contradicts itself", where=naming.MANIFEST, cause="a hand edit", remedy=COPY_AGAIN
        )
    return whole


def _check_folder(path: Path, whole: Manifest) -> None:
    """One manifest, and no shard that it does not know; of an unended run, fresh shards may lie there."""
    for found in sorted(path.iterdir()):
        other = "manifest" in found.name.lower() and not found.name.startswith(".")
        if other and found.name != naming.MANIFEST:
            raise ShardFault(
                "there is a second manifest",
                where=found.name,
                cause="two data sets copied into one folder",
                remedy="keep each data set in a folder of its own",
            )
    known = {f"{record.name}.{suffix}" for record in whole.shards for suffix in record.files}
    known.add(naming.PLAN_TABLE)
    for found in sorted(p for suffix in naming.SUFFIXES for p in path.glob(f"*.{suffix}")):
        if found.name not in known and whole.complete:
            raise ShardFault(
                "the manifest knows no such file",
                where=found.name,
                cause="a renamed shard, or one of another data set",
                remedy="move it away, or copy the data set again",
            )


def _check_hash(path: Path, recorded: str) -> None:
    if file_sha256(path) != recorded:
        raise ShardFault(
            "a file has another SHA-256 than the manifest records",
            where=path.name,
            cause="damage, or a file of another run",
            remedy=COPY_AGAIN,
        )


def _open_shard(path: Path, record: Record, members: tuple[str, ...], first: int) -> Shard:
    """Check one shard and take its places from the table."""
    check_size(path, record)
    for suffix in sorted(record.files.keys() - {"tar"}):
        _check_hash(path / f"{record.name}.{suffix}", record.files[suffix].sha256)
    places = [table.column(ext, part) for part in ("offset", "size") for ext in members]
    rows = table.read(path / f"{record.name}.parquet", ["key", "status", *places])
    good = rows.filter(pc.equal(rows["status"], "ok"))
    if (good.num_rows, rows.num_rows) != (record.samples, record.samples + record.failed):
        raise _contradiction(record, "the table counts other samples than the manifest")
    values = [np.asarray(good[place].to_numpy(), np.int64) for place in places]
    columns = np.stack(values, axis=1) if values else np.zeros((0, 0), np.int64)
    keys = np.array(good["key"].to_pylist(), dtype=np.bytes_)
    shard = Shard(record.name, first, keys, columns[:, : len(members)], columns[:, len(members) :])
    if record.samples:
        _check_layout(record, shard, members)
        _check_index(path, record, shard, members)
        _check_headers(path, shard, members)
    return shard


def _contradiction(record: Record, what: str) -> ShardFault:
    return ShardFault(what, where=record.name, cause="a stale file or damage", remedy=COPY_AGAIN)


def _check_layout(record: Record, shard: Shard, members: Sequence[str]) -> None:
    """The members must follow one another from the tar's first block to its end, and have their fixed sizes."""
    sizes = shard.sizes.ravel()
    steps = tar.BLOCK + sizes + -sizes % tar.BLOCK
    ends = np.cumsum(steps)
    if (
        (sizes < 0).any()
        or (shard.offsets.ravel() != ends - steps + tar.BLOCK).any()
        or ends[-1] + len(tar.END) != record.files["tar"].bytes
    ):
        raise _contradiction(record, "the table's members do not fill the tar")
    for ext, fixed in _FIXED_BYTES.items():
        if (shard.sizes[:, members.index(ext)] != fixed).any():
            raise _contradiction(record, f"a {ext} member has not {fixed} bytes")


def _check_index(path: Path, record: Record, shard: Shard, members: Sequence[str]) -> None:
    """The index must be the one that the table gives, word for word."""
    lines = [f"{INDEX_VERSION} {record.samples}", *_index_lines(shard, members), ""]
    if (path / f"{record.name}.idx").read_bytes() != "\n".join(lines).encode():
        raise _contradiction(record, "the index does not fit the table")


def _index_lines(shard: Shard, members: Sequence[str]) -> Iterator[str]:
    rows = zip(shard.keys.tolist(), shard.offsets.tolist(), shard.sizes.tolist(), strict=True)
    for raw, offsets, sizes in rows:
        key = raw.decode()
        parts = zip(members, offsets, sizes, strict=True)
        yield " ".join(f"{ext} {offset} {size} {key}.{ext}" for ext, offset, size in parts)


def _check_headers(path: Path, shard: Shard, members: Sequence[str]) -> None:
    """First, middle and last sample: the tar must name the members where the table does, and end in zeros."""
    file = path / f"{shard.name}.tar"
    with file.open("rb") as stream:
        for row in {0, len(shard.keys) // 2, len(shard.keys) - 1}:
            for column, ext in enumerate(members):
                start = int(shard.offsets[row, column]) - tar.BLOCK
                _check_header(os.pread(stream.fileno(), tar.BLOCK, start), shard, row, column, ext)
        stream.seek(-len(tar.END), os.SEEK_END)
        if stream.read() != tar.END:
            raise ShardFault(
                "the tar does not end with its two zero blocks", where=file.name, remedy=COPY_AGAIN
            )


def _check_unique(shards: Sequence[Shard]) -> None:
    """DALI drops one of two equal keys with a warning only."""
    if not shards:
        return
    keys = np.sort(np.concatenate([shard.keys for shard in shards]))
    twice: NDArray[Any] = keys[1:][keys[1:] == keys[:-1]]
    if twice.size:
        raise ShardFault("a key appears in two samples", where=twice[0].decode(), remedy=COPY_AGAIN)
