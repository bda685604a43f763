"""An open index: checked byte by byte, then mapped, so that all processes of a machine share its pages."""

from __future__ import annotations

import bisect
import json
import mmap
import os
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault, ShardFault
from maskgen.io.checksum import crc32c
from maskgen.io.regular import open_regular
from maskgen.shards import naming, sealed_json
from maskgen.shards.manifest import Manifest
from maskgen.shards.record import FileFact, Record

from .layout import CHUNK, VERSION, Layout, Places

MAGIC = b"maskgen1"
_TAIL = len(MAGIC) + 8
_MAX_HEAD = 1 << 28


class DamagedIndexError(ValueError):
    """A file that is no whole index of this version."""


class TarFact(NamedTuple):
    """What a shard's tar must be: the shard's name, its size in bytes, its SHA-256."""

    name: str
    bytes: int
    sha256: str

    @property
    def tar_name(self) -> str:
        """File name of the tar."""
        return f"{self.name}.tar"


class Index:
    """Where all samples of a data set lie, in a file that is mapped and never copied.

    Every byte has been compared with a checksum when it was opened. A copy in another process maps the same
    file.

    Args:
        descriptor: of the file, which the index closes at its end.
        path: by which another process can open the file.
        check: compare every byte; without, the sealed end alone.

    Raises:
        DamagedIndexError: it is cut, damaged or of another version.
        OSError: it cannot be read.
    """

    def __init__(self, descriptor: int, path: str, *, check: bool = True) -> None:
        self.path = path
        self._descriptor = descriptor
        self._stat = _size_and_time(descriptor)
        self.head = _read_head(descriptor, self._stat[0])
        self.layout = _layout_of(self.head)
        if check:
            check_chunks(descriptor, self.layout.bytes, self.head["chunks"])
        self._map = mmap.mmap(descriptor, self._stat[0], access=mmap.ACCESS_READ)
        self._rows, self._rest, self._order, self.directory = (
            np.frombuffer(self._map, kind, count, start)
            for start, count, kind in self.layout.sections.values()
        )
        self._owns = True

    @classmethod
    def open(cls, path: str | Path, *, check: bool = True) -> Index:
        """Map the index in a file; see the class.

        Raises:
            DamagedIndexError: it is cut, damaged or of another version.
            OSError: it cannot be read.
        """
        descriptor = open_regular(Path(path))
        try:
            return cls(descriptor, str(path), check=check)
        except BaseException:
            os.close(descriptor)
            raise

    def __del__(self) -> None:
        if hasattr(self, "_owns") and os is not None:  # else who made the descriptor still has it
            os.close(self._descriptor)

    def __reduce__(self) -> tuple[Any, ...]:
        return _open_copy, (self.path, self.head)

    @property
    def manifest_sha256(self) -> str:
        """Of the manifest that it was made from."""
        return str(self.head["manifest"])

    @property
    def remote(self) -> bool:
        """Whether the tars were not there when it was made."""
        return bool(self.head["remote"])

    @cached_property
    def manifest(self) -> Manifest:
        """What the data set holds; its records are made where they are asked for."""
        head = self.head
        return Manifest(
            head["format"],
            head["identity"],
            tuple(head["members"]),
            head["planned"],
            head["complete"],
            Records(self.directory, head["fingerprint"]),
        )

    @cached_property
    def firsts(self) -> NDArray[np.int64]:
        """(S + 1,) the number of each shard's first sample, and of the samples."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.directory["samples"], dtype=np.int64)])

    def name(self, shard: int) -> str:
        """The stem of a shard."""
        return bytes(self.directory["name"][shard]).decode()

    def tar(self, shard: int) -> TarFact:
        """What a shard's tar must be."""
        entry = self.directory[shard]
        return TarFact(self.name(shard), int(entry["bytes"][0]), entry["sha256"][0].tobytes().hex())

    def places(self, samples: NDArray[np.integer], members: Collection[str]) -> Places:
        """Where samples lie, by their numbers; checksums are those of `members`, others may be 0.

        Raises:
            EnvironmentFault: the file was cut or overwritten since it was opened.
        """
        self._check_whole()
        rest = self._rest[samples] if self.layout.needs_rest(members) else None
        return self.layout.unpack(self._rows[samples], rest)

    def find(self, wanted: int) -> Iterator[int]:
        """The numbers of the samples whose keys have this hash; most often one or none.

        Raises:
            EnvironmentFault: the file was cut or overwritten since it was opened.
        """
        self._check_whole()
        order, hashes = self._order, self._rows["hash"]
        place = bisect.bisect_left(range(len(order)), wanted, key=lambda at: int(hashes[order[at]]))
        while place < len(order) and int(hashes[order[place]]) == wanted:
            yield int(order[place])
            place += 1

    def _check_whole(self) -> None:
        """A page behind the end of a cut file would end the process with SIGBUS."""
        try:
            now = _size_and_time(self._descriptor)
            if now != self._stat:
                _same("bytes", now[0], self._stat[0])
                check_chunks(self._descriptor, self.layout.bytes, self.head["chunks"])
                self._stat = now  # somebody touched it, and nothing more
        except (DamagedIndexError, OSError) as error:
            raise EnvironmentFault(
                "the index of a data set was changed while it was in use",
                where=self.path,
                cause=str(error),
                remedy="open the data set again, which makes the index anew",
            ) from error


class Records(Sequence[Record]):
    """The commit records of an index's shards.

    Args:
        directory: of the index.
        fingerprint: of the run.
    """

    def __init__(self, directory: NDArray[Any], fingerprint: str) -> None:
        self._directory = directory
        self._fingerprint = fingerprint

    def __len__(self) -> int:
        return len(self._directory)

    @overload
    def __getitem__(self, shard: int) -> Record: ...

    @overload
    def __getitem__(self, shard: slice) -> tuple[Record, ...]: ...

    def __getitem__(self, shard: int | slice) -> Record | tuple[Record, ...]:
        """The record of a shard, or of some."""
        if isinstance(shard, slice):
            return tuple(self[number] for number in range(*shard.indices(len(self))))
        entry = self._directory[shard]
        sizes, sums = entry["bytes"].tolist(), entry["sha256"]
        files = {
            suffix: FileFact(sizes[place], sums[place].tobytes().hex())
            for place, suffix in enumerate(naming.SUFFIXES)
            if sizes[place] >= 0
        }
        samples, failed = int(entry["samples"]), int(entry["failed"])
        return Record(bytes(entry["name"]).decode(), samples, failed, self._fingerprint, files)


def _open_copy(path: str, head: dict[str, Any]) -> Index:
    """The index of another process, which has checked it."""
    try:
        index = Index.open(path, check=False)
        _same("data set", index.head, head)
    except (DamagedIndexError, OSError) as error:
        raise EnvironmentFault(
            "the index of a data set is not there any more",
            where=path,
            cause=str(error),
            remedy="open the data set again, which makes the index anew",
        ) from error
    return index


def _size_and_time(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _read_head(descriptor: int, size: int) -> dict[str, Any]:
    """The sealed end of an index."""
    tail = os.pread(descriptor, _TAIL, max(0, size - _TAIL))
    length = int.from_bytes(tail[:8], "little")
    if len(tail) < _TAIL or tail[8:] != MAGIC or length > min(size - _TAIL, _MAX_HEAD):
        raise DamagedIndexError("not a whole index")
    try:
        head = sealed_json.parse(_read(descriptor, length, size - _TAIL - length), "index")
    except ShardFault as error:
        raise DamagedIndexError(str(error)) from error
    if head.get("version") != VERSION or _layout_of(head).bytes != size - _TAIL - length:
        raise DamagedIndexError("an index of another version or length")
    return head


def _layout_of(head: dict[str, Any]) -> Layout:
    return Layout(
        head["samples"],
        head["shards"],
        head["name_bytes"],
        tuple(head["members"]),
        head["fixed"],
        checksums=head["checksums"],
        wide=head["wide"],
    )


def seal(head: dict[str, Any]) -> bytes:
    """The end of an index, which tells all else that a reader must know."""
    text = sealed_json.render(json.loads(json.dumps(head)))
    return text + len(text).to_bytes(8, "little") + MAGIC


def chunk_sums(descriptor: int, size: int) -> Iterator[int]:
    """The CRC-32C of each chunk of the first `size` bytes of a file."""
    for start in range(0, size, CHUNK):
        yield crc32c(_read(descriptor, min(CHUNK, size - start), start))


def check_chunks(descriptor: int, size: int, sums: list[int]) -> None:
    """Compare every byte of an index with its checksums.

    Raises:
        DamagedIndexError: one differs.
    """
    _same("checksums", list(chunk_sums(descriptor, size)), sums)


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise DamagedIndexError(f"the index has other {what} than it had")


def _read(descriptor: int, size: int, start: int) -> bytes:
    data = os.pread(descriptor, size, start)
    if len(data) != size:
        raise DamagedIndexError("the index ends early")
    return data
