"""Checking a data set against its manifest: sizes, hashes, structure, and on request every pixel."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from ..config.suggest import nearest
from ..errors import MaskgenError, ShardFault, UsageError
from ..io.atomic import file_sha256
from ..io.checksum import crc32c
from ..io.regular import open_regular, read_regular
from . import foreign_files, index, manifest, naming, plan, table, tar
from .commit import withdraw
from .reader import check_size, read_samples
from .record import Record, parse
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
    output: str | PathLike[str], level: str = "hashes", tick: Callable[[int], None] = lambda _: None
) -> Report:
    """Check a data set.

    Args:
        output: its folder.
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
    output = Path(output)
    try:
        whole = manifest.read(output)
    except ShardFault as fault:
        return Report(level, 0, 0, 0, (Fault(naming.MANIFEST, str(fault)),))
    faults = list(_folder(output, whole))
    numbers = _numbers(output)
    for count, record in enumerate(whole.shards, 1):
        faults += _guard(record, partial(_shard, output, record, whole, level, numbers))
        tick(count)
    return Report(level, len(whole.shards), whole.samples, whole.failed, tuple(faults))


def _guard(record: Record, check: Callable[[], Iterator[str]]) -> Iterator[Fault]:
    try:
        for text in check():
            yield Fault(record.name, text)
    except (MaskgenError, OSError) as error:
        yield Fault(record.name, str(error))
    except Exception as error:  # noqa: BLE001 - a hostile shard must not end the check of the others
        yield Fault(record.name, f"cannot be checked ({type(error).__name__}: {error})")


def _folder(output: Path, whole: manifest.Manifest) -> Iterator[Fault]:
    """Faults between the manifest, the plan, the records and what lies in the folder."""
    if not whole.complete:
        yield Fault(
            naming.MANIFEST,
            f"the run has not ended: {whole.samples + whole.failed} of {whole.planned} images",
        )
    yield from (Fault(path.name, text) for path, text in foreign_files.find(output, whole.shards))
    if (output / naming.PLAN).exists() or (output / naming.RECORDS).exists():
        yield from _against_records(output, whole)


def _against_records(output: Path, whole: manifest.Manifest) -> Iterator[Fault]:
    try:
        head = plan.read_plan(output)
        if manifest.build(output, head).render() != whole.render():
            yield Fault(naming.MANIFEST, "the manifest is not the merge of the plan and the commit records")
        if head.table_sha256 and file_sha256(output / naming.PLAN_TABLE) != head.table_sha256:
            yield Fault(naming.PLAN_TABLE, "the plan's table has another SHA-256 than recorded")
            return
        for number, shard in enumerate(head.shards):
            rows = [plan.to_row(image) for image in plan.shard_rows(output, number)]
            if plan.rows_digest(rows) != shard.digest:
                yield Fault(naming.PLAN_TABLE, f"the rows of shard {shard.name} are not those planned")
    except (ShardFault, OSError) as fault:
        yield Fault(naming.PLAN, str(fault))


def _numbers(output: Path) -> dict[str, int]:
    """The number of each shard in the plan; none where the plan did not come along, or is damaged."""
    try:
        return {shard.name: number for number, shard in enumerate(plan.read_plan(output).shards)}
    except ShardFault:
        return {}


def _shard(
    output: Path, record: Record, whole: manifest.Manifest, level: str, numbers: dict[str, int]
) -> Iterator[str]:
    check_size(output, record)
    if level == "quick":
        return
    damaged = [
        s for s, fact in record.files.items() if file_sha256(output / f"{record.name}.{s}") != fact.sha256
    ]
    yield from (f"the {suffix} file has another SHA-256 than recorded" for suffix in damaged)
    if damaged:
        return
    rows = table.read(output / f"{record.name}.parquet").to_pylist()
    yield from _structure(output, record, whole, rows)
    if record.name in numbers:
        yield from _against_plan(rows, plan.shard_rows(output, numbers[record.name]))
    if level == "full" and "tar" in record.files:
        options, by_key = whole.identity["options"], {row["key"]: row for row in rows}
        for sample in read_samples(output, record, whole.members):
            texts = check_sample(sample, by_key[sample.key], options, whole.format)
            yield from (f"{sample.key}: {text}" for text in texts)


def _structure(
    output: Path, record: Record, whole: manifest.Manifest, rows: list[dict[str, Any]]
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


def _checksums(path: Path, rows: list[dict[str, Any]], members: tuple[str, ...]) -> Iterator[str]:
    with os.fdopen(open_regular(path), "rb") as file:
        for row in rows:
            for ext in members:
                file.seek(row[table.column(ext, "offset")])
                found = crc32c(file.read(row[table.column(ext, "size")]))
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


def repair(output: Path) -> list[str]:
    """Withdraw every shard that does not verify, and rebuild the manifest; `maskgen run` makes them again.

    Returns:
        The stems of the withdrawn shards.

    Raises:
        ShardFault: the plan itself is damaged: only a new run helps.
        EnvironmentFault: the folder cannot be written.
    """
    head = plan.read_plan(output)
    withdrawn = list(_unsound_records(output, head))
    whole = manifest.build(output, head)
    numbers = _numbers(output)
    for record in whole.shards:
        if list(_guard(record, partial(_shard, output, record, whole, "full", numbers))):
            withdraw(output, record.name)
            withdrawn.append(record.name)
    manifest.write(output, head)
    return sorted(withdrawn)


def _unsound_records(output: Path, head: plan.Plan) -> Iterator[str]:
    """Withdraw shards whose record is damaged or of another plan, before the sound ones are looked at."""
    planned = {shard.name: shard.images for shard in head.shards}
    for path in sorted((output / naming.RECORDS).glob("*.json")):
        try:
            record = parse(read_regular(path), path.name)
            sound = (
                record.fingerprint == head.fingerprint
                and planned.get(record.name) == record.samples + record.failed
            )
        except (ShardFault, OSError):
            sound = False
        if not sound:
            withdraw(output, path.stem)
            yield path.stem
