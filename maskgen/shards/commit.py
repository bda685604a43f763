"""Writing one shard: a partial tar grows in plan order, then everything is published, the record last."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..errors import ShardFault
from ..io.atomic import PartialFile, disk_errors, folder_lock, fsync_folder
from ..io.checksum import crc32c
from ..types import Label
from . import index, table, tar, withdrawn
from .index import SampleIndex
from .kept import Journal, drop
from .naming import RECORDS, SUFFIXES
from .record import FileFact, Record, parse, record_path
from .sample import Encoded, SampleId


class ShardWriter:
    """One shard under construction. Add every planned image in plan order, then `commit`.

    Args:
        output: the data set's folder, with its `records` folder.
        name: the shard's stem.
        members: extensions that every sample must have, in order.
        fingerprint: goes into the record.

    Attributes:
        changed: after `commit`, paths of photos that are not what they were when the shard was made before.
    """

    def __init__(self, output: Path, name: str, members: tuple[str, ...], fingerprint: str) -> None:
        self._output = output
        self._name = name
        self._members = members
        self._fingerprint = fingerprint
        self._rows: list[dict[str, Any]] = []
        self._index: list[SampleIndex] = []
        self.changed: tuple[str, ...] = ()
        self._tar = PartialFile(output / f"{name}.tar")
        self._journal: Journal | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._tar.__exit__(kind, error, trace)
        finally:
            if self._journal:
                self._journal.__exit__(kind, error, trace)

    def add(self, sample: Encoded, label: Label, source_sha256: str) -> None:
        """Append a finished sample.

        Raises:
            ShardFault: its members are not those of the data set.
            EnvironmentFault: the disk is full or broken.
        """
        if tuple(ext for ext, _ in sample.members) != self._members:
            raise ShardFault(
                "a sample has other members than the data set", where=f"{self._name} {sample.key}"
            )
        row = {**sample.row, "label": json.dumps(label), "source_sha256": source_sha256}
        parts = []
        block = bytearray()
        for ext, data in sample.members:
            block += tar.header(f"{sample.key}.{ext}", len(data))
            offset = self._tar.size + len(block)
            block += data
            block += tar.padding(len(data))
            facts = {"offset": offset, "size": len(data), "crc32c": crc32c(data)}
            row.update({table.column(ext, part): value for part, value in facts.items()})
            parts.append(tar.Member(ext, offset, len(data)))
        self._tar.write(block)
        self._rows.append({**row, "sha256": sample.content_sha256()})
        if self._journal is None:
            self._journal = Journal(self._tar)
            self._journal.add({"fingerprint": self._fingerprint, "tar": self._tar.path.name})
        self._journal.add(self._rows[-1])
        self._index.append((sample.key, tuple(parts)))

    def quarantine(self, sample: SampleId, reason: str, source_sha256: str | None) -> None:
        """List an image that could not become a sample."""
        self._rows.append(
            {
                "key": sample.key,
                "path": sample.path,
                "status": "failed",
                "error": reason,
                "label": json.dumps(sample.label),
                "source_sha256": source_sha256,
            }
        )

    def commit(self) -> tuple[Record, bool]:
        """Publish the shard.

        Returns:
            The record, and whether this call made it (False: somebody else had committed the same shard).

        Raises:
            ShardFault: the shard is committed already, with other content.
            EnvironmentFault: the disk is full, broken or read-only.
        """
        samples = len(self._index)
        with contextlib.ExitStack() as stack:
            files = dict(self._partials(stack))
            facts = {suffix: FileFact(file.size, file.sha256) for suffix, file in files.items()}
            record = Record(self._name, samples, len(self._rows) - samples, self._fingerprint, facts)
            with folder_lock(self._output / RECORDS):
                made = self._publish(record, files)
                self.changed = withdrawn.changed_photos(self._output, self._name, self._rows)
                withdrawn.forget_table(self._output, self._name)
        drop(self._output, self._name)
        return record, made

    def _partials(self, stack: contextlib.ExitStack) -> Iterator[tuple[str, PartialFile]]:
        """The shard's files, complete and durable, still under their partial names."""
        if self._index:
            self._tar.write(tar.END)
            self._tar.sync()
            self._check_tar()
            yield "tar", self._tar
            yield "idx", self._finished(stack, "idx", index.render(self._index))
        yield "parquet", self._finished(stack, "parquet", table.render(self._rows))

    def _finished(self, stack: contextlib.ExitStack, suffix: str, data: bytes) -> PartialFile:
        file = stack.enter_context(PartialFile(self._output / f"{self._name}.{suffix}"))
        file.write(data)
        file.sync()
        return file

    def _check_tar(self) -> None:
        """Walk the partial tar as a reader would, before anybody can see it."""
        with disk_errors(self._tar.final):
            members = tar.read_members(self._tar.path)
        if index.group(members, self._name) != self._index:
            raise ShardFault(
                "the tar just written reads back differently",
                where=self._name,
                cause="a failing disk",
                remedy="check the disk, and run the same command again",
            )

    def _publish(self, record: Record, files: dict[str, PartialFile]) -> bool:
        path = record_path(self._output, self._name)
        if path.exists():
            if parse(path.read_bytes(), path.name) != record:
                raise _other_content(self._name)
            return False
        for suffix in SUFFIXES:
            if suffix in files:
                files[suffix].publish()
            else:  # a shard without samples, after a killed attempt that had some
                with disk_errors(path):
                    (self._output / f"{self._name}.{suffix}").unlink(missing_ok=True)
        fsync_folder(self._output)
        with PartialFile(path) as partial:
            partial.write(record.render())
            partial.sync()
            try:
                partial.publish(replace=False)
            except FileExistsError as error:  # a rival on a file system without locks
                raise _other_content(self._name) from error
            fsync_folder(path.parent)
        return True


def _other_content(name: str) -> ShardFault:
    return ShardFault(
        "the shard is committed already, with other content",
        where=name,
        cause="another run with a transient failure (a time-out, memory) in one of the two",
        remedy="maskgen verify, then maskgen run --retry-failed",
    )


def withdraw(output: Path, name: str) -> None:
    """Undo a commit: the record goes first, so that a crash leaves a shard that does not exist.

    A sound table is kept aside, for the photos' hashes in it.

    Raises:
        EnvironmentFault: the folder cannot be written.
    """
    path = record_path(output, name)
    with folder_lock(output / RECORDS), disk_errors(path):
        sound = withdrawn.holds_its_table(output, name)
        path.unlink(missing_ok=True)
        if sound:
            withdrawn.keep_table(output, name)
        fsync_folder(path.parent)
        for suffix in SUFFIXES:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(output / f"{name}.{suffix}")
        fsync_folder(output)
