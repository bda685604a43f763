"""How much a cache may hold.

Room reserved before a fetch, made by eviction, and whether an order fits at all.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.io.atomic import PartialFile, disk_errors, folder_lock
from maskgen.shards.record import FileFact

from .shared_files import evict, held_files

PREFIX = "maskgen-"
"""Only folders of the cache that begin with this are touched."""
WAIT_S = 60.0
"""How long a full cache waits for tars that are being read, seconds."""


class Room:
    """The space of a cache that several data sets and processes share.

    Args:
        root: the cache's folder.
        limit: bytes that all data sets in it may hold together; None for no limit but the disk's.
    """

    def __init__(self, root: Path, limit: int | None) -> None:
        self.root = root
        self.limit = limit

    @contextlib.contextmanager
    def reserve(self, files: dict[Path, FileFact]) -> Iterator[list[PartialFile]]:
        """Unfinished files that count their whole size from the beginning: no two fetches use the same room.

        Raises:
            EnvironmentFault: what fills the cache is being read, and stayed so; or the disk is full.
        """
        with contextlib.ExitStack() as stack:
            with self._free(sum(fact.bytes for fact in files.values())):
                partials = [stack.enter_context(PartialFile(path)) for path in files]
                for partial, fact in zip(partials, files.values(), strict=True):
                    with disk_errors(partial.final, fact.bytes):
                        os.truncate(partial.path, fact.bytes)
            yield partials

    @contextlib.contextmanager
    def _free(self, size: int) -> Iterator[None]:
        """Hold the cache's lock with `size` bytes free below the limit."""
        end = time.monotonic() + WAIT_S
        while True:
            with folder_lock(self.root):
                if self._evict(size) <= 0:
                    yield
                    return
            if size > (self.limit or size) or time.monotonic() > end:
                raise EnvironmentFault(
                    f"the cache has no room for {size:,} bytes: it may hold {self.limit:,}, and what fills "
                    "it is being "
                    "read",
                    where=str(self.root),
                    remedy="let fewer processes share the cache",
                    arguments=[("cache_bytes", "<more>")],
                )
            time.sleep(0.05)

    def _evict(self, size: int) -> int:
        """Make room for `size` bytes; returns how many are missing."""
        if self.limit is None:
            return 0
        held = sum(file.size for file in held_files(self.root, PREFIX))
        return evict(self.root, PREFIX, ".tar", held + size - self.limit)

    def check(self, facts: dict[str, FileFact], window: int, *, own: Path, where: str) -> None:
        """Refuse an order that would fetch the same tars again and again.

        Args:
            facts: of all files of the data set, by name.
            window: shards per window of the order, 0 for a global shuffle.
            own: the data set's folder in the cache; what it holds already needs no more room.
            where: the data set's address, for the error.

        Raises:
            UsageError: the tars that the order needs at a time do not fit.
        """
        tars = sorted((f.bytes for name, f in facts.items() if name.endswith(".tar")), reverse=True)
        small = sum(fact.bytes for name, fact in facts.items() if not name.endswith(".tar"))
        need = small + sum(tars[: 2 * window] if window else tars)
        room = self.limit if self.limit is not None else self._disk_room(own)
        if need <= room:
            return
        fits = (room - small) // (2 * max(tars[0], 1))
        windows = f"two windows of {window} tars" if window else "all tars (global shuffle)"
        raise UsageError(
            f"the cache may hold {room:,} bytes, and the order needs {need:,}: {windows}, tables and indexes",
            where=f"{where} in {self.root}",
            cause="cache_bytes" if self.limit is not None else "free space on the disk",
            remedy="" if self.limit is not None else "free space there, or choose a cache on a larger disk",
            arguments=[
                *([("cache_bytes", need)] if self.limit is not None else []),
                *([("shuffle", f"shards:{fits}")] if fits > 0 else []),
            ],
        )

    def _disk_room(self, own: Path) -> int:
        held = sum(file.size for file in held_files(self.root, PREFIX) if file.path.parent == own)
        return shutil.disk_usage(self.root).free + held
