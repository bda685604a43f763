"""A folder of shards, opened only when it is exactly what its manifest says."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ShardFault, UsageError
from maskgen.loaders.shard import COPY_AGAIN, FIXED_BYTES, Shard, check_hash, open_shard
from maskgen.shards import manifest, naming
from maskgen.shards.manifest import Manifest
from maskgen.shards.record import Record

_NEEDED = (naming.MASK, naming.JSON, *FIXED_BYTES)


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
        return self.manifest.level

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
        shard = open_shard(path, record, whole.members, first)
        if check_hashes and "tar" in record.files:
            check_hash(path / f"{record.name}.tar", record.files["tar"].sha256)
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
        and whole.members == known
        and set(_NEEDED) <= set(known)
        and (done == whole.planned if whole.complete else done <= whole.planned)
        and all(set(record.files) == set(_suffixes(record)) for record in whole.shards)
        and _has_threshold(whole)
    )
    if not sound:
        raise ShardFault(
            "the manifest contradicts itself", where=naming.MANIFEST, cause="a hand edit", remedy=COPY_AGAIN
        )
    return whole


def _suffixes(record: Record) -> tuple[str, ...]:
    return naming.SUFFIXES if record.samples else ("parquet",)


def _has_threshold(whole: Manifest) -> bool:
    options = whole.identity.get("options") if isinstance(whole.identity, dict) else None
    if not isinstance(options, dict):
        return False
    return isinstance(options.get("threshold"), float | int) and isinstance(options.get("binary"), bool)


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


def _check_unique(shards: Sequence[Shard]) -> None:
    """DALI drops one of two equal keys with a warning only."""
    if not shards:
        return
    keys = np.sort(np.concatenate([shard.keys for shard in shards]))
    twice: NDArray[Any] = keys[1:][keys[1:] == keys[:-1]]
    if twice.size:
        raise ShardFault("a key appears in two samples", where=twice[0].decode(), remedy=COPY_AGAIN)
