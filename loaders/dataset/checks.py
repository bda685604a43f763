"""What must hold of a data set as a whole before it is opened."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from maskgen.errors import ShardFault
from maskgen.shards import manifest, naming
from maskgen.shards.manifest import Manifest
from maskgen.shards.record import Record

from .shard import COPY_AGAIN, Shard


def read_manifest(path: Path) -> Manifest:
    """The manifest of a folder, when what it says holds together.

    Raises:
        ShardFault: absent, damaged, of another version, or contradicting itself.
    """
    whole = manifest.read(path)
    names = [record.name for record in whole.shards]
    known = tuple(ext for ext in naming.MEMBERS if ext in whole.members)
    done = whole.samples + whole.failed
    sound = (
        whole.render() == (path / naming.MANIFEST).read_bytes()
        and names == sorted(set(names))
        and whole.members == known
        and _has_its_members(whole)
        and (done == whole.planned if whole.complete else done <= whole.planned)
        and all(set(record.files) == set(_suffixes(record)) for record in whole.shards)
        and _has_threshold(whole)
    )
    if not sound:
        raise ShardFault(
            "the manifest contradicts itself", where=naming.MANIFEST, cause="a hand edit", remedy=COPY_AGAIN
        )
    return whole


def _has_its_members(whole: Manifest) -> bool:
    """Whether the samples have what their format asks for, and lean ones nothing else but the photo."""
    needed = naming.needed_members(whole.format)
    return set(needed) <= set(whole.members) and (
        whole.format != naming.LEAN_FORMAT or whole.members[-len(needed) :] == needed
    )


def _suffixes(record: Record) -> tuple[str, ...]:
    return naming.SUFFIXES if record.samples else ("parquet",)


def _has_threshold(whole: Manifest) -> bool:
    options = whole.identity.get("options") if isinstance(whole.identity, dict) else None
    if not isinstance(options, dict):
        return False
    return isinstance(options.get("threshold"), float | int) and isinstance(options.get("binary"), bool)


def check_folder(names: Iterable[str], *, complete: bool) -> None:
    """One manifest, and no shard that it does not know; of an unended run, fresh shards may lie there.

    Args:
        names: of the files in the folder that the manifest does not know.
        complete: whether the run has ended.

    Raises:
        ShardFault: there is more than the manifest knows.
    """
    for name in names:
        if "manifest" in name.lower() and not name.startswith(".") and name != naming.MANIFEST:
            raise ShardFault(
                "there is a second manifest",
                where=name,
                cause="two data sets copied into one folder",
                remedy="keep each data set in a folder of its own",
            )
    for name in names:
        shard_file = name.endswith(tuple(f".{suffix}" for suffix in naming.SUFFIXES))
        if shard_file and complete and not name.startswith(".") and name != naming.WHOLE_PLAN_TABLE:
            raise ShardFault(
                "the manifest knows no such file",
                where=name,
                cause="a renamed shard, or one of another data set",
                remedy="move it away, or copy the data set again",
            )


def check_checksums(shard: Shard, whole: Manifest) -> None:
    """Since format 3 the tables have a checksum of every member.

    Raises:
        ShardFault: a table is of another format than the manifest.
    """
    if (shard.checksums is None) != (whole.format == naming.READABLE[0]) and shard.bytes:
        raise ShardFault(
            f"a table is not of shard format {whole.format}",
            where=f"{shard.name}.parquet",
            cause="a file of another run, or a hand edit",
            remedy=COPY_AGAIN,
        )


def check_unique(keys: Iterable[bytes]) -> None:
    """Every sample has a key of its own: webdataset and DALI mistake two of one key for one sample.

    Args:
        keys: those that may be equal.

    Raises:
        ShardFault: a key appears twice.
    """
    known = set()
    for key in keys:
        if key in known:
            raise ShardFault("a key appears in two samples", where=key.decode(), remedy=COPY_AGAIN)
        known.add(key)
