"""Samples of a shard whose making was broken off: kept, checked, and used by the next attempt.

While a shard grows, a journal beside its partial tar says what is in it. When their owner is gone the two are
kept under names of their own. The next attempt copies a sample from them when its content has the hash that
the journal records, and makes it anew otherwise; the shard's bytes are the same either way.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..io.atomic import PartialFile, disk_errors, folder_lock
from ..io.owner import claim_abandoned
from . import table
from .naming import RECORDS
from .record import record_path
from .sample import Encoded, SampleId

_ROWS = "rows"
_SEAL = 16  # hexadecimal digits of a line's SHA-256


class Journal:
    """What a growing tar holds: a line with its run's fingerprint and its name, then a line for each sample.

    Args:
        growing: the partial tar.
    """

    def __init__(self, growing: PartialFile) -> None:
        self._file = PartialFile(growing.final.with_suffix(f".{_ROWS}"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)

    def add(self, facts: dict[str, Any]) -> None:
        """Append a line.

        Raises:
            EnvironmentFault: the disk is full or broken.
        """
        text = json.dumps(facts)
        self._file.write(f"{_seal(text)} {text}\n".encode())


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_SEAL]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """A journal's lines up to the first that is torn."""
    with path.open("rb") as file:
        for line in file:
            seal, _, text = line.decode(errors="replace").rstrip("\n").partition(" ")
            if _seal(text) != seal:
                return
            yield json.loads(text)


def _kept_files(output: Path, name: str) -> tuple[Path, Path]:
    """Where the tar and the journal of a broken-off attempt are kept."""
    return output / f".{name}.tar.kept", output / f".{name}.{_ROWS}.kept"


def keep(output: Path, name: str = "*") -> None:
    """Keep what dead processes had finished of shards that are not committed.

    Args:
        output: the data set's folder.
        name: a shard's stem; all by default.

    Raises:
        EnvironmentFault: the folder cannot be written.
    """
    for journal in output.glob(f".{name}.{_ROWS}.*.partial"):
        with claim_abandoned(journal) as abandoned, disk_errors(output):
            if abandoned:
                _keep(output, journal)


def _keep(output: Path, journal: Path) -> None:
    name = journal.name[1:].partition(".")[0]
    growing = str(next(_lines(journal), {}).get("tar"))
    kept_tar, kept_rows = _kept_files(output, name)
    is_own = growing.startswith(f".{name}.tar.") and "/" not in growing and (output / growing).is_file()
    is_less = kept_rows.exists() and kept_rows.stat().st_size >= journal.stat().st_size
    if is_own and not is_less and not record_path(output, name).exists():
        os.replace(output / growing, kept_tar)
        os.replace(journal, kept_rows)


def drop(output: Path, name: str) -> None:
    """Remove what is kept of a shard.

    Raises:
        EnvironmentFault: the folder cannot be written.
    """
    with disk_errors(output):
        for path in _kept_files(output, name):
            path.unlink(missing_ok=True)


def drop_committed(output: Path) -> None:
    """Remove what is kept of shards that are committed: of broken-off attempts, and withdrawn tables.

    Each goes when its shard is there again; a kill, or a power loss, may have come between.

    Raises:
        EnvironmentFault: the folder cannot be written.
    """
    records = output / RECORDS
    if not records.is_dir():
        return
    with folder_lock(records), disk_errors(output):  # a shard that is being withdrawn still has its record
        for path in [*output.glob(".*.kept"), *records.glob("*.withdrawn")]:
            name = path.name.removeprefix(".").partition(".")[0]
            if record_path(output, name).exists():
                path.unlink(missing_ok=True)


class KeptSamples:
    """The finished samples of a broken-off attempt by key.

    Args:
        rows: of the table, by key.
        tar: descriptor of the tar that holds their members.

    Attributes:
        changed: for the reader's use: paths of photos that are not what they were.
    """

    def __init__(self, rows: dict[str, dict[str, Any]], tar: int) -> None:
        self._rows = rows
        self._tar = tar
        self.changed: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def read(self, sample: SampleId, members: tuple[str, ...]) -> tuple[Encoded, str] | None:
        """A finished sample with the SHA-256 of the source's bytes; None when its content is not whole.

        Args:
            sample: as planned.
            members: extensions that it must have, in order.
        """
        row = self._rows.get(sample.key)
        if row is None or row["path"] != sample.path:
            return None
        parts, content = [], hashlib.sha256()
        for ext in members:
            size, offset = row.get(table.column(ext, "size")), row.get(table.column(ext, "offset"))
            data = os.pread(self._tar, size, offset) if size is not None and offset is not None else b""
            content.update(data)
            parts.append((ext, data))
        if content.hexdigest() != row["sha256"]:
            return None
        return Encoded(sample.key, tuple(parts), row), row["source_sha256"]


@contextlib.contextmanager
def open_kept(output: Path, name: str, fingerprint: str) -> Iterator[KeptSamples]:
    """What a broken-off attempt of this run has finished of a shard.

    Raises:
        EnvironmentFault: the folder cannot be written.
    """
    keep(output, name)
    kept_tar, kept_rows = _kept_files(output, name)
    with contextlib.ExitStack() as stack:
        rows: dict[str, dict[str, Any]] = {}
        descriptor = -1
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(kept_tar, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            lines = _lines(kept_rows)
            if next(lines, {}).get("fingerprint") == fingerprint:
                rows = {row["key"]: row for row in lines}
        yield KeptSamples(rows, descriptor)
