"""A local cache of remote tars: fetched whole, checked, evicted by last use, shared by processes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from pathlib import Path
from typing import Any, Protocol

from maskgen.errors import ShardFault, UsageError
from maskgen.io.atomic import (
    PartialFile,
    folder_lock,
    is_as_written,
    make_folder,
    sweep_partials,
    write_atomic,
)
from maskgen.io.storage.address import is_address
from maskgen.io.storage.location import Location, open_location
from maskgen.shards import naming
from maskgen.shards.manifest import Manifest
from maskgen.shards.record import FileFact

from .room import PREFIX, Room
from .shared_files import file_lock, open_shared
from .source import fetch_parts, read_sizes

_FETCHERS = 16
_GROUP = 64
_MAX_MANIFEST = 1 << 30
_ATTEMPTS = 2


def open_cache(path: str | Path, cache: str | Path | None, limit: int | None) -> TarCache | None:
    """The cache of a remote data set with its manifest in it, or None for a folder that is read in place.

    Args:
        path: see `open_dataset`.
        cache: folder of the cache.
        limit: see `open_dataset`, bytes.

    Raises:
        UsageError: an address without a cache, a cache that is part of the data set, or a limit below 1.
        ShardFault: there is no manifest.
        EnvironmentFault: the store cannot be reached, or the disk is full.
    """
    if cache is None:
        if is_address(path) or limit is not None:
            raise UsageError(
                "an address needs a local cache" if is_address(path) else "cache_bytes without a cache",
                where=str(path),
                arguments=[("cache", "/local/disk/folder")],
            )
        return None
    root = Path(cache).absolute()
    inside = not is_address(path) and Path(path).resolve() in (root.resolve(), *root.resolve().parents)
    if inside or (limit is not None and limit < 1):
        raise UsageError(
            "the cache lies inside the data set" if inside else f"cache_bytes is {limit}",
            where=str(cache),
            remedy="choose a folder on a local disk, and at least the size of two tars",
        )
    return TarCache(open_location(path), root, limit)


class Tar(Protocol):
    """What a cache must know of a tar before it is there."""

    @property
    def name(self) -> str:
        """Stem of the shard."""
        ...

    @property
    def tar_name(self) -> str:
        """File name of the tar."""
        ...

    @property
    def bytes(self) -> int:
        """Its size."""
        ...

    @property
    def sha256(self) -> str:
        """Of its bytes."""
        ...


class TarCache:
    """The tars of one data set in a folder that other data sets and processes may use too.

    A tar appears in the cache whole: it is fetched beside its place, hashed on the way, synced and renamed.
    It is read under a shared lock of the file itself, which dies with the process, and evicted under an
    exclusive one: what is being read stays. Only folders that begin with ``maskgen-`` are touched.

    Args:
        source: the folder that the files come from.
        root: the cache's folder.
        limit: bytes that all data sets in it may hold together; None for no limit but the disk's.

    Raises:
        ShardFault: the source has no manifest.
        EnvironmentFault: the store cannot be reached, or the disk is full.
    """

    def __init__(self, source: Location, root: Path, limit: int | None) -> None:
        self.source = source
        self.root = root
        self.room = Room(root, limit)
        self._pool: ThreadPoolExecutor | None = None
        self._coming: dict[str, Future[None]] = {}
        content = self._read_manifest()
        self.folder = root / f"{PREFIX}{hashlib.sha256(content).hexdigest()[:16]}"
        make_folder(self.folder)
        sweep_partials(self.folder)
        place = self.folder / naming.MANIFEST
        if not place.is_file() or place.read_bytes() != content:
            write_atomic(place, content)

    def _read_manifest(self) -> bytes:
        size = read_sizes(self.source).get(naming.MANIFEST)
        if size is None:
            raise ShardFault(
                "no manifest.json here",
                where=str(self.source),
                cause="another address, or an incomplete copy",
                remedy="give the address of the folder that maskgen run wrote",
            )
        return b"".join(fetch_parts(self.source / naming.MANIFEST, min(size, _MAX_MANIFEST)))

    def prepare(self, whole: Manifest, window: int, *, checked: bool = False) -> list[str]:
        """Fetch the indexes and tables that are not here yet, and make sure that the tars are there and fit.

        Args:
            whole: the manifest.
            window: shards per window of the order, 0 for a global shuffle.
            checked: the files that are here were hashed before, and their sizes are enough.

        Returns:
            The names of the files in the store.

        Raises:
            ShardFault: a file is missing or has another size, or is damaged.
            UsageError: the cache is too small.
            EnvironmentFault: the store cannot be reached, or the disk is full.
        """
        names = read_sizes(self.source)
        facts = {f"{r.name}.{suffix}": fact for r in whole.shards for suffix, fact in r.files.items()}
        for name, fact in facts.items():
            if names.get(name) != fact.bytes:
                raise ShardFault(
                    f"a file has {names[name]} bytes, {fact.bytes} recorded"
                    if name in names
                    else "a file of a shard is missing",
                    where=str(self.source / name),
                    cause="an incomplete copy",
                    remedy="copy it there again",
                )
        self.room.check(facts, window, own=self.folder, where=str(self.source))
        small = {name: fact for name, fact in facts.items() if not name.endswith(".tar")}
        self._fetch_small(small, checked=checked)
        return sorted(names)

    def open_tar(self, shard: Tar) -> int:
        """A descriptor of a shard's tar with a shared lock on it, fetched first when it is not here.

        Raises:
            ShardFault: the tar in the store is not the one of the manifest.
            EnvironmentFault: it cannot be fetched, or there is no room for it.
        """
        path = self.folder / shard.tar_name
        while True:
            descriptor = open_shared(path, shard.bytes)
            if descriptor is not None:
                return descriptor
            with file_lock(self.folder / f".{shard.tar_name}.lock"):
                if not path.exists():  # another process may have fetched it while we waited
                    fact = FileFact(shard.bytes, shard.sha256)
                    with self.room.reserve({path: fact}) as partials:
                        self._fill(fact, partials[0])

    def prefetch(self, shards: Sequence[Tar], *, wait: bool = False) -> None:
        """Begin to fetch the tars that are not here, a few at a time.

        What fails is tried again when it is read.

        Args:
            shards: whose tars will be read soon.
            wait: until they are here.
        """
        for shard in shards:
            coming = self._coming.get(shard.name)
            if (coming is None or coming.done()) and not (self.folder / shard.tar_name).exists():
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(_FETCHERS // 4, thread_name_prefix="maskgen-fetch")
                self._coming[shard.name] = self._pool.submit(lambda one: os.close(self.open_tar(one)), shard)
        if wait:
            wait_for([self._coming[shard.name] for shard in shards if shard.name in self._coming])

    def close(self) -> None:
        """Drop what `prefetch` has not begun, and wait for the rest."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
            self._coming.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pool": None, "_coming": {}}

    def _fetch_small(self, facts: dict[str, FileFact], *, checked: bool) -> None:
        """Fetch those files that are not here yet, a group at a time.

        One process fetches a file, the others find it here.
        """
        with file_lock(self.folder / ".tables.lock"), ThreadPoolExecutor(_FETCHERS) as pool:
            here = pool.map(lambda name: self._is_here(name, facts[name], checked=checked), facts)
            missing = [name for name, found in zip(facts, here, strict=True) if not found]
            for first in range(0, len(missing), _GROUP):
                group = {self.folder / name: facts[name] for name in missing[first : first + _GROUP]}
                with self.room.reserve(group) as partials:
                    list(pool.map(self._fill, group.values(), partials))

    def _is_here(self, name: str, fact: FileFact, *, checked: bool) -> bool:
        path = self.folder / name
        if not checked:
            return is_as_written(path, fact.bytes, fact.sha256)
        return path.is_file() and path.stat().st_size == fact.bytes

    def _fill(self, fact: FileFact, partial: PartialFile) -> None:
        """Fetch a file, check it and give it its name; one that arrives damaged is fetched once more."""
        path = partial.final
        for _ in range(_ATTEMPTS):
            for part in fetch_parts(self.source / path.name, fact.bytes):
                partial.write(part)
            if (partial.size, partial.sha256) == (fact.bytes, fact.sha256):
                partial.sync()
                with folder_lock(self.root):  # who counts must not miss a file between names
                    partial.put()
                return
            partial.restart()
        raise ShardFault(
            "a file in the store has another SHA-256 than the manifest records",
            where=str(self.source / path.name),
            cause="damage, or a file of another run",
            remedy="copy it there again",
        )
