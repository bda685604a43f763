"""The manifest: a pure merge of the plan's identity and the shards' commit records."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config.fingerprint import digest
from ..errors import ShardFault
from ..io.atomic import folder_lock, write_atomic
from ..io.storage.bucket import Entry
from ..io.storage.listing import list_widely
from ..io.storage.location import Location, ObjectLocation, lacks_bucket
from ..io.storage.reading import read_many
from . import naming, sealed_json
from .plan import Plan, format_of, read_plan
from .record import FileFact, Record, check_types, parse, read_records
from .sample import cut_level
from .sealed_json import MEND

_FEW = 500
"""Records that are asked for one by one sooner than a manifest is read."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a data set holds.

    Args:
        format: version of the shard format.
        identity: options, versions, weights and plan digest the bytes depend on.
        members: extensions that every sample has, in tar order.
        planned: images of the plan.
        complete: whether every planned shard is committed.
        shards: the commit records, by name.
    """

    format: int
    identity: dict[str, Any]
    members: tuple[str, ...]
    planned: int
    complete: bool
    shards: Sequence[Record]

    @property
    def samples(self) -> int:
        """Samples in all shards."""
        return sum(record.samples for record in self.shards)

    @property
    def failed(self) -> int:
        """Quarantined images of all shards."""
        return sum(record.failed for record in self.shards)

    @property
    def tar_bytes(self) -> int:
        """Size of all tars."""
        return sum(record.files["tar"].bytes for record in self.shards if "tar" in record.files)

    @property
    def threshold(self) -> float:
        """Mask value from which a pixel is foreground."""
        return float(self.identity["options"]["threshold"])

    @property
    def level(self) -> int:
        """The smallest stored mask value, 1..255, that counts as foreground."""
        return cut_level(self.threshold, binary=self.identity["options"]["binary"])

    def render(self) -> bytes:
        """The bytes of ``manifest.json``."""
        shards = [
            {
                "name": record.name,
                "samples": record.samples,
                "failed": record.failed,
                **{
                    f"{suffix}_{part}": getattr(fact, part)
                    for suffix, fact in sorted(record.files.items())
                    for part in ("bytes", "sha256")
                },
            }
            for record in self.shards
        ]
        totals = {
            "planned": self.planned,
            "samples": self.samples,
            "failed": self.failed,
            "bytes": self.tar_bytes,
        }
        return sealed_json.render(
            {
                "format": self.format,
                "fingerprint": digest(self.identity),
                "identity": self.identity,
                "members": self.members,
                "complete": self.complete,
                "shards": shards,
                "totals": totals,
            }
        )


def build(output: Location, plan: Plan | None = None, names: Container[str] | None = None) -> Manifest:
    """Merge the records of an output folder.

    Args:
        output: it.
        plan: its plan; None to read it.
        names: of the shards to be merged; None for all that are committed.

    Raises:
        ShardFault: the plan or a record is damaged, or a record is not of this plan.
    """
    plan = plan or read_plan(output)
    planned = {shard.name: shard.images for shard in plan.shards}
    found = (
        _stored_records(output, names) if isinstance(output, ObjectLocation) else read_records(output, names)
    )
    records, fingerprint = tuple(found), plan.fingerprint
    for record in records:
        if record.fingerprint != fingerprint or planned.get(record.name) != record.samples + record.failed:
            raise ShardFault(
                "a commit record is not of this plan", where=record.name, remedy="maskgen verify --repair"
            )
    complete = len(records) == len(planned)
    return Manifest(plan.format, plan.identity, plan.members, plan.images, complete, records)


def _stored_records(output: ObjectLocation, names: Container[str] | None) -> Iterator[Record]:
    try:
        found = list_records(output, names)
        wanted = {name: entry for name, entry in found.items() if name.endswith(".json")}
        for name, data in sorted(record_contents(output, wanted)):
            yield parse(data, name)
    except FileNotFoundError as error:  # a record or the bucket went while it was looked at
        raise ShardFault(
            "cannot read a commit record", where=str(output), cause=str(error), remedy=MEND
        ) from error


def list_records(location: ObjectLocation, names: Container[str] | None = None) -> dict[str, Entry]:
    """What lies beside the commit records in an object store, and they, by their names: from a listing.

    Args:
        location: of the data set.
        names: of the shards whose records are asked for; None for all.

    Returns:
        ``NAME.json`` of committed shards, and ``NAME.withdrawn`` of withdrawn ones.

    Raises:
        FileNotFoundError: no such bucket.
        EnvironmentFault: the store cannot be reached or refuses.
    """
    found = list_widely(location / naming.RECORDS)
    return {one.key: one for one in found if names is None or one.key.partition(".")[0] in names}


def record_contents(location: ObjectLocation, wanted: Mapping[str, Entry]) -> Iterator[tuple[str, bytes]]:
    """The bytes of commit records in an object store: with few requests, in no order.

    A manifest holds all that the records did when it was written. A record that the store lists with the size
    and the MD5 of what the manifest says of its shard is not asked for: of 300,000 that would take minutes.

    Args:
        location: of the data set.
        wanted: of `list_records`.

    Raises:
        FileNotFoundError: one is no longer there.
        EnvironmentFault: the store cannot be reached or refuses.
    """
    known = _rolled_up(location, wanted) if len(wanted) > _FEW else {}
    yield from known.items()
    rest = [name for name in wanted if name not in known]
    yield from zip(rest, read_many([location / naming.RECORDS / name for name in rest]), strict=True)


def _rolled_up(location: ObjectLocation, wanted: Mapping[str, Entry]) -> dict[str, bytes]:
    """Those that are as the manifest has them.

    An ETag is an MD5 where a store makes it so: at Amazon's without a key of one's own, and at Google's.
    """
    try:
        shards = read(location).shards
    except ShardFault:  # none yet, or a damaged one
        return {}
    found = {}
    for record in shards:
        name = f"{record.name}.json"
        entry = wanted.get(name)
        if entry is not None:
            data = record.render()
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            if (entry.size, entry.e_tag.strip('"')) == (len(data), md5):
                found[name] = data
    return found


def write(output: Path, plan: Plan | None = None) -> Manifest:
    """Build the manifest and put it in place; of several writers the last one sees every record."""
    with folder_lock(output / naming.RECORDS):
        manifest = build(output, plan)
        write_atomic(output / naming.MANIFEST, manifest.render())
    return manifest


def is_written(output: Location, whole: Manifest) -> bool:
    """Whether ``manifest.json`` is there and says what `whole` does."""
    try:
        return sealed_json.read_bytes(output / naming.MANIFEST) == whole.render()
    except ShardFault:
        return False


def read(output: Location) -> Manifest:
    """Read ``manifest.json``.

    Raises:
        ShardFault: absent, damaged, or of another format version.
    """
    if not output.is_dir():
        what = "bucket" if lacks_bucket(output) else "folder"
        raise ShardFault(
            f"there is no such {what}", where=str(output), remedy="give the folder that maskgen run wrote"
        )
    if not (output / naming.MANIFEST).is_file():
        raise ShardFault(
            "no manifest.json here",
            where=str(output),
            cause="not a folder that maskgen run wrote, or the run, or one of its tasks, has not ended",
            remedy="give the --output of a run, or run the same maskgen run command again",
        )
    data = sealed_json.read_bytes(output / naming.MANIFEST)
    raw = sealed_json.parse(data, naming.MANIFEST)
    if raw.get("format") not in naming.READABLE:
        raise ShardFault(
            f"shard format {raw.get('format')!r} is none of {', '.join(map(str, naming.READABLE))}",
            where=str(output),
            cause="another version of maskgen made it",
            remedy="read it with that version, or make it again",
        )
    try:
        fingerprint = raw["fingerprint"]
        shards = tuple(_record(row, fingerprint) for row in raw["shards"])
        members, planned = tuple(raw["members"]), int(raw["totals"]["planned"])
        manifest = Manifest(raw["format"], raw["identity"], members, planned, bool(raw["complete"]), shards)
        names = [record.name for record in shards]
        sound = (
            manifest.render() == data
            and names == sorted(set(names))
            and format_of(manifest.identity) == manifest.format
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ShardFault(
            "the manifest has other fields", where=str(output), cause=repr(error), remedy=MEND
        ) from error
    if not sound:
        raise ShardFault(
            "the manifest contradicts itself", where=naming.MANIFEST, cause="a hand edit", remedy=MEND
        )
    return manifest


def _record(row: dict[str, Any], fingerprint: str) -> Record:
    files = {
        s: FileFact(row[f"{s}_bytes"], row[f"{s}_sha256"]) for s in naming.SUFFIXES if f"{s}_bytes" in row
    }
    record = Record(row["name"], row["samples"], row["failed"], fingerprint, files)
    check_types(record, naming.MANIFEST)
    return record
