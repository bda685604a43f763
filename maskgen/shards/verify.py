"""Checking a data set against its manifest: sizes, hashes, structure, and on request every pixel."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from ..config.suggest import nearest
from ..errors import EnvironmentFault, MaskgenError, ShardFault, UsageError
from ..io.atomic import file_sha256
from ..io.checksum import crc32c
from ..io.storage.location import Location, ObjectLocation, file_sizes, open_location
from ..io.storage.nearby import nearby
from ..io.storage.reading import open_bytes, read_whole
from ..io.storage.uploads import object_sha256
from . import foreign_files, index, manifest, naming, plan, table, tar
from .destination import Destination, open_destination
from .plan_table import all_rows, table_name
from .reader import check_size, read_samples
from .record import Record, parse, record_paths
from .sample_check import check_sample

LEVELS = ("quick", "hashes", "full")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong: the shard or file it is in, and a sentence."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found: no faults, or which; and how much it looked at."""

    level: str
    shards: int
    samples: int
    failed: int
    faults: tuple[Fault, ...]


def verify(
    output: str | PathLike[str] | Location,
    level: str = "hashes",
    tick: Callable[[int], None] = lambda _: None,
) -> Report:
    """Check a data set.

    Args:
        output: its folder, or its address in an object store.
        level: ``quick`` (files, sizes, seals, counts), ``hashes`` (every byte of every file, and that tar,
            index and table say the same) or ``full`` (every sample decoded, and everything derived made
            again and compared: loader members, each field of KEY.meta and KEY.json, the table's row).
        tick: called with the number of shards done.

    Returns:
        All faults found; none means that the data set is what its manifest says.

    Raises:
        UsageError: no such level.

    Example:
        >>> from maskgen import verify
        >>> report = verify("a-folder-without-shards")
        >>> report.shards, len(report.faults)
        (0, 1)
    """
    if level not in LEVELS:
        raise UsageError(f"verify got the level {level!r}", remedy=nearest(str(level), list(LEVELS)))
    folder = open_location(output)
    try:
        whole = manifest.read(folder)
    except ShardFault as fault:
        return Report(level, 0, 0, 0, (Fault(naming.MANIFEST, str(fault)),))
    faults = list(_folder(folder, whole))
    check = _shard_check(folder, whole, level)
    for count, record in enumerate(whole.shards, 1):
        faults += _guard(record, partial(check, record))
        tick(count)
    return Report(level, len(whole.shards), whole.samples, whole.failed, tuple(faults))


def _shard_check(output: Location, whole: manifest.Manifest, level: str) -> Callable[[Record], Iterator[str]]:
    """A function that checks one shard, and copies its files here first where they are far away."""
    sizes = file_sizes(output)
    numbers = {} if level == "quick" else _numbers(output)

    def check(record: Record) -> Iterator[str]:
        check_size(output, record, sizes)
        if level == "quick":
            return
        with nearby(output, (f"{record.name}.{suffix}" for suffix in record.files)) as near:
            planned = (
                partial(plan.shard_rows, output, numbers[record.name]) if record.name in numbers else None
            )
            yield from _shard(near, record, whole, level, planned)

    return check


def _guard(record: Record, check: Callable[[], Iterator[str]]) -> Iterator[Fault]:
    try:
        for text in check():
            yield Fault(record.name, text)
    except EnvironmentFault:  # a store or a disk that is away says nothing about the shard
        raise
    except (MaskgenError, OSError) as error:
        yield Fault(record.name, str(error))
    except Exception as error:  # noqa: BLE001 - a hostile shard must not end the check of the others
        yield Fault(record.name, f"cannot be checked ({type(error).__name__}: {error})")


def _folder(output: Location, whole: manifest.Manifest) -> Iterator[Fault]:
    """Faults between the manifest, the plan, the records and what lies in the folder."""
    if not whole.complete:
        yield Fault(
            naming.MANIFEST,
            f"the run has not ended: {whole.samples + whole.failed} of {whole.planned} images",
        )
    yield from (Fault(name, text) for name, text in foreign_files.find(output, whole.shards))
    if (output / naming.PLAN).exists() or (output / naming.RECORDS).exists():
        yield from _against_records(output, whole)


def _against_records(output: Location, whole: manifest.Manifest) -> Iterator[Fault]:
    try:
        yield from _against_plan_files(output, whole)
    except (ShardFault, OSError) as fault:
        yield Fault(naming.PLAN, str(fault))


def _against_plan_files(output: Location, whole: manifest.Manifest) -> Iterator[Fault]:
    head = plan.read_plan(output)
    if manifest.build(output, head).render() != whole.render():
        yield Fault(naming.MANIFEST, "the manifest is not the merge of the plan and the commit records")
    name = table_name(output)
    if head.table_sha256 and _sha256(output / name) != head.table_sha256:
        yield Fault(name, "the plan's table has another SHA-256 than recorded")
        return
    tables = all_rows(output)
    for shard in head.shards:
        rows = next(tables, None)
        if rows is None or plan.rows_digest(rows.to_pylist()) != shard.digest:
            yield Fault(name, f"the rows of shard {shard.name} are not those planned")


def _sha256(place: Location) -> str:
    if isinstance(place, ObjectLocation):
        return object_sha256(place.bucket, place.key)
    return file_sha256(place)


def _numbers(output: Location) -> dict[str, int]:
    """The number of each shard in the plan; none where the plan did not come along, or is damaged."""
    try:
        return {shard.name: number for number, shard in enumerate(plan.read_plan(output).shards)}
    except ShardFault:
        return {}


def _shard(
    output: Path,
    record: Record,
    whole: manifest.Manifest,
    level: str,
    planned: Callable[[], list[plan.PlannedImage]] | None,
) -> Iterator[str]:
    damaged = [
        s for s, fact in record.files.items() if file_sha256(output / f"{record.name}.{s}") != fact.sha256
    ]
    yield from (f"the {suffix} file has another SHA-256 than recorded" for suffix in damaged)
    if damaged:
        return
    rows = table.read(output / f"{record.name}.parquet").to_pylist()
    yield from _structure(output, record, whole, rows)
    if planned is not None:
        yield from _against_plan(rows, planned())
    if level == "full" and "tar" in record.files:
        options, by_key = whole.identity["options"], {row["key"]: row for row in rows}
        for sample in read_samples(output, record, whole.members):
            texts = check_sample(sample, by_key[sample.key], options, whole.format)
            yield from (f"{sample.key}: {text}" for text in texts)


def _structure(
    output: Location, record: Record, whole: manifest.Manifest, rows: list[dict[str, Any]]
) -> Iterator[str]:
    """Tar, index and table must say the same, and the table's checksums be those of the members."""
    good = [row for row in rows if row["status"] == "ok"]
    if (len(good), len(rows) - len(good)) != (record.samples, record.failed):
        found = f"{len(good)} + {len(rows) - len(good)}"
        yield f"the table has {found} rows, {record.samples} + {record.failed} recorded"
    if "tar" not in record.files:
        return
    samples = index.group(tar.read_members(output / f"{record.name}.tar"), record.name)
    if samples != index.parse(output / f"{record.name}.idx"):
        yield "the index does not fit the tar"
    if samples != [_row_index(row, whole.members) for row in good]:
        yield "the table does not fit the tar"
    elif whole.format > naming.READABLE[0]:
        yield from _checksums(output / f"{record.name}.tar", good, whole.members)


def _checksums(path: Location, rows: list[dict[str, Any]], members: tuple[str, ...]) -> Iterator[str]:
    with open_bytes(path) as file:
        for row in rows:
            for ext in members:
                found = crc32c(file.read_at(*(row[table.column(ext, part)] for part in ("offset", "size"))))
                if found != row.get(table.column(ext, "crc32c")):
                    yield f"the table has another CRC-32C of {row['key']}.{ext}"


def _against_plan(rows: list[dict[str, Any]], planned: list[plan.PlannedImage]) -> Iterator[str]:
    """The table must list the images of the plan."""
    for row, (sample, _) in zip(rows, planned, strict=False):
        found, wanted = (
            (row["key"], row["path"], row["label"]),
            (sample.key, sample.path, json.dumps(sample.label)),
        )
        if found != wanted:
            yield f"the table lists {found}, the plan {wanted}"
            return


def _row_index(row: dict[str, Any], members: tuple[str, ...]) -> index.SampleIndex:
    columns = ((ext, row[table.column(ext, "offset")], row[table.column(ext, "size")]) for ext in members)
    return row["key"], tuple(tar.Member(*values) for values in columns)


def repair(output: str | PathLike[str] | Location) -> list[str]:
    """Withdraw every shard that does not verify, and rebuild the manifest; `maskgen run` makes them again.

    Args:
        output: the data set's folder, or its address in an object store.

    Returns:
        The stems of the withdrawn shards.

    Raises:
        ShardFault: the plan itself is damaged: only a new run helps.
        EnvironmentFault: the folder cannot be written.
    """
    with open_destination(output) as destination:
        return repair_at(destination)


def repair_at(destination: Destination) -> list[str]:
    """The same as `repair`, of a data set that is open already."""
    folder = destination.folder
    head = plan.read_plan(folder)
    withdrawn = list(_unsound_records(destination, head))
    whole = manifest.build(folder, head)
    check = _shard_check(destination.location, whole, "full")
    for record in whole.shards:
        if list(_guard(record, partial(check, record))):
            destination.withdraw(record.name)
            withdrawn.append(record.name)
    destination.write_manifest(head)
    destination.drop_other_table(head)
    return sorted(withdrawn)


def _unsound_records(destination: Destination, head: plan.Plan) -> Iterator[str]:
    """Withdraw shards whose record is damaged or of another plan, before the sound ones are looked at."""
    planned = {shard.name: shard.images for shard in head.shards}
    for path in record_paths(destination.folder):
        try:
            record = parse(read_whole(path), path.name)
            sound = (
                record.fingerprint == head.fingerprint
                and planned.get(record.name) == record.samples + record.failed
            )
        except (ShardFault, OSError):
            sound = False
        if not sound:
            destination.withdraw(path.stem)
            yield path.stem
