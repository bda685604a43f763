"""Commit records: the last thing written of a shard; a shard without one does not exist."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import ShardFault
from ..io.storage.location import Place
from ..io.storage.reading import read_whole
from . import sealed_json
from .naming import KEY, RECORDS, SUFFIXES
from .sealed_json import MEND


@dataclass(frozen=True, slots=True)
class FileFact:
    """Size in bytes and SHA-256 of one file of a shard."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a committed shard; nothing in it depends on time, machine or order.

    Args:
        name: the shard's stem.
        samples: samples in the tar.
        failed: quarantined images, listed in the table.
        fingerprint: of the run's configuration, plan and library versions.
        files: by suffix; a shard without samples has no tar and no index.
    """

    name: str
    samples: int
    failed: int
    fingerprint: str
    files: dict[str, FileFact]

    def render(self) -> bytes:
        """The record's bytes."""
        files = {suffix: {"bytes": fact.bytes, "sha256": fact.sha256} for suffix, fact in self.files.items()}
        return sealed_json.render(
            {
                "name": self.name,
                "samples": self.samples,
                "failed": self.failed,
                "fingerprint": self.fingerprint,
                "files": files,
            }
        )


def record_path(output: Place, name: str) -> Place:
    """Where the record of a shard lies."""
    return output / RECORDS / f"{name}.json"


def parse(data: bytes, where: str) -> Record:
    """Read a record's bytes.

    Raises:
        ShardFault: damaged, or the record of another shard.
    """
    raw = sealed_json.parse(data, where)
    try:
        files = {suffix: FileFact(**fact) for suffix, fact in raw.pop("files").items()}
        record = Record(**raw, files=files)
    except (KeyError, TypeError, AttributeError) as error:
        raise ShardFault(
            "a commit record has other fields", where=where, cause=repr(error), remedy=MEND
        ) from error
    if f"{record.name}.json" != where or not set(files) <= set(SUFFIXES):
        raise ShardFault(
            "a commit record belongs to another shard", where=where, remedy="maskgen verify --repair"
        )
    check_types(record, where)
    return record


def check_types(record: Record, where: str) -> None:
    """Make sure that names are names and counts are counts: a seal proves a file whole, not honest.

    Raises:
        ShardFault: a name that is a path, a negative count, or another type.
    """
    counts = [record.samples, record.failed, *(fact.bytes for fact in record.files.values())]
    texts = [record.name, record.fingerprint, *(fact.sha256 for fact in record.files.values())]
    typed = all(type(count) is int for count in counts) and all(type(text) is str for text in texts)
    if not typed or min(counts) < 0 or not KEY.match(record.name):
        raise ShardFault(
            "a shard's entry is not one this tool writes",
            where=f"{where} {str(record.name)[:100]!r}",
            remedy=MEND,
        )


def record_paths(output: Path, names: Container[str] | None = None) -> list[Path]:
    """Where the records of an output folder lie, by name.

    Args:
        output: it.
        names: of the shards whose records are asked for; None for all that are there.
    """
    found = (output / RECORDS).glob("*.json")
    return sorted((path for path in found if names is None or path.stem in names), key=lambda p: p.name)


def read_records(output: Path, names: Container[str] | None = None) -> Iterator[Record]:
    """The records of an output folder, by name.

    Args:
        output: it.
        names: of the shards whose records are asked for; None for all that are there.

    Raises:
        ShardFault: one is damaged, or is no file.
    """
    for path in record_paths(output, names):
        try:
            data = read_whole(path)
        except OSError as error:
            raise ShardFault(
                "cannot read a commit record", where=path.name, cause=str(error), remedy=MEND
            ) from error
        yield parse(data, path.name)
