"""The index of a data set: found and compared with the folder, or made from the tables."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import UsageError
from maskgen.shards import naming
from maskgen.shards.manifest import Manifest

from ..index.build import write_index
from ..index.layout import Places, key_hash
from ..index.mapped import Index
from ..index.place import candidates, make_index, read_index
from ..storage.cache import TarCache
from .checks import check_checksums, check_folder, check_unique, read_manifest
from .open_shard import open_shard, read_keys
from .shard import fixed_bytes


class _Listing(NamedTuple):
    """What lies in a folder: size (bytes) and time (``mtime_ns``) of each file, by name."""

    facts: dict[str, tuple[int, int]]

    def of(self, names: list[list[str]]) -> NDArray[np.int64]:
        """(S, 3, 2) int64: of each shard's files; -1 where there is none."""
        none = (-1, -1)
        found = [[self.facts.get(name, none) for name in shard] for shard in names]
        return np.array(found, np.int64).reshape(len(names), len(naming.SUFFIXES), 2)


def open_index(folder: Path, tars: TarCache | None, window: int, *, allow_incomplete: bool) -> Index:
    """The index of a data set whose folder holds exactly what the manifest says.

    One that was made before is taken when it is whole, of this manifest, and every file has the size and the
    time that it had then. Otherwise every shard is opened and checked, and the index made anew.

    Args:
        folder: of the manifest, tables and indexes.
        tars: of a remote data set.
        window: see `TarCache.prepare`.
        allow_incomplete: accept a run that has not ended.

    Raises:
        ShardFault: something is not what the manifest says.
        UsageError: the run has not ended and `allow_incomplete` is off, or the cache is too small.
        EnvironmentFault: the store cannot be reached, or the disk is full.
    """
    sha256 = _manifest_sha256(folder)
    paths = candidates(folder, sha256, tars.root if tars else None) if sha256 else []

    def find() -> Index | None:
        return read_index(paths, lambda index: _fits(index, sha256, folder, tars, window))

    found = find()
    if found is not None:
        _check_ended(found.manifest, folder, allow_incomplete=allow_incomplete)
        return found
    whole = read_ended(folder, allow_incomplete=allow_incomplete)
    names = tars.prepare(whole, window) if tars else [entry.name for entry in os.scandir(folder)]
    known = {f"{record.name}.{suffix}" for record in whole.shards for suffix in record.files}
    check_folder(sorted(set(names) - known), complete=whole.complete)
    return make_index(
        paths if whole.complete else [], find, lambda file: _write(file, folder, whole, sha256, tars)
    )


def read_ended(folder: Path, *, allow_incomplete: bool = False) -> Manifest:
    """The manifest of a folder of shards; nothing else of it is looked at.

    Raises:
        ShardFault: it is absent or damaged.
        UsageError: the run has not ended and `allow_incomplete` is off.
    """
    whole = read_manifest(folder)
    _check_ended(whole, folder, allow_incomplete=allow_incomplete)
    return whole


def _check_ended(whole: Manifest, folder: Path, *, allow_incomplete: bool) -> None:
    if not whole.complete and not allow_incomplete:
        raise UsageError(
            f"the run has not ended: {whole.samples + whole.failed} of {whole.planned} images are done",
            where=str(folder),
            remedy="run the same maskgen run command again",
            arguments=[("allow_incomplete", True)],
        )


def _manifest_sha256(folder: Path) -> str:
    """Empty where there is no manifest that can be read."""
    try:
        return hashlib.sha256((folder / naming.MANIFEST).read_bytes()).hexdigest()
    except OSError:
        return ""


def _fits(index: Index, sha256: str, folder: Path, tars: TarCache | None, window: int) -> bool:
    """Whether an index is of this manifest, and the folder's files are those that it was made from.

    Raises:
        ShardFault: there is more in the folder than the manifest knows, or less in the store.
        UsageError, EnvironmentFault: what `TarCache.prepare` raises.
    """
    if (index.manifest_sha256, index.remote) != (sha256, tars is not None):
        return False
    names = tars.prepare(index.manifest, window, checked=True) if tars else None
    listing = _list(folder)
    files = _file_names(index.directory["name"].tolist())
    status, facts = listing.of(files), index.directory
    expected = np.stack([facts["bytes"], facts["mtime_ns"]], axis=-1)
    there = expected[..., 0] >= 0
    if tars:
        there[:, naming.SUFFIXES.index("tar")] = False  # they come and go
    if (status != expected)[there].any():
        return False
    known = {
        name
        for shard, sizes in zip(files, facts["bytes"].tolist(), strict=True)
        for name, size in zip(shard, sizes, strict=True)
        if size >= 0
    }
    check_folder(sorted(set(names or listing.facts) - known), complete=index.manifest.complete)
    return True


def _list(folder: Path) -> _Listing:
    facts = {}
    with os.scandir(folder) as scan:
        for entry in scan:
            status = entry.stat() if entry.is_file() else None
            facts[entry.name] = (status.st_size, status.st_mtime_ns) if status else (-1, -1)
    return _Listing(facts)


def _file_names(shards: list[bytes]) -> list[list[str]]:
    return [[f"{name.decode()}.{suffix}" for suffix in naming.SUFFIXES] for name in shards]


def _write(descriptor: int, folder: Path, whole: Manifest, sha256: str, tars: TarCache | None) -> None:
    """Open every shard, write the index, and make sure that no key stands in two samples."""
    listing = _list(folder)
    times = listing.of(_file_names([record.name.encode() for record in whole.shards]))[..., 1]
    firsts = np.cumsum([0] + [record.samples for record in whole.shards]).tolist()

    def opened(number: int) -> Places:
        record = whole.shards[number]
        shard = open_shard(
            folder, record, whole.members, firsts[number], whole.format, remote=tars is not None
        )
        check_checksums(shard, whole)
        hashes = np.fromiter(map(key_hash, shard.keys.tolist()), np.uint64, len(shard.keys))
        return Places(hashes, shard.starts, shard.lengths, shard.checksums)

    facts = {
        "manifest": sha256,
        "remote": tars is not None,
        "fixed": fixed_bytes(whole.format),
        "checksums": whole.format > naming.READABLE[0],
    }
    alike = write_index(descriptor, whole, facts, times, opened)
    check_unique(_keys_of(folder, whole, firsts, alike))


def _keys_of(folder: Path, whole: Manifest, firsts: list[int], samples: NDArray[np.int64]) -> Iterator[bytes]:
    """The keys of some samples, from the tables."""
    shards = np.searchsorted(firsts, samples, side="right") - 1
    for number in np.unique(shards).tolist():
        record = whole.shards[number]
        keys = read_keys(folder, record.name, record.files["parquet"].sha256)
        yield from keys[samples[shards == number] - firsts[number]].tolist()
