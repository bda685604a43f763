"""Making the plan: a source's images, named uniquely, dealt into shards, hashed."""

from __future__ import annotations

import hashlib
import itertools
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from maskgen.config.claim import claim_folder
from maskgen.config.fingerprint import digest
from maskgen.config.run_config import RunConfig
from maskgen.errors import ShardFault, SourceFault, UsageError
from maskgen.io.atomic import (
    PartialFile,
    folder_lock,
    fsync_folder,
    make_folder,
    require_exclusive_names,
    sweep_partials,
)
from maskgen.shards import naming
from maskgen.shards.plan import ROWS, Plan, PlannedImage, PlannedShard, read_plan, rows_digest, to_row
from maskgen.shards.record import read_records
from maskgen.shards.sample import SampleId
from maskgen.types import Source, SourceItem

from .resolve import ResolvedConfig
from .sources import open_source

_MAX_NOTES = 100


def prepare(config: ResolvedConfig) -> Plan:
    """The plan of this run, written to the output folder, or equal to the one that is there already.

    A damaged plan in the folder is replaced when the commit records, or what is left of it, are of this run.

    Args:
        config: of the run.

    Raises:
        UsageError: the folder holds another run's shards, or files that are not ours.
        SourceFault: the source cannot be listed, or holds no image.
        EnvironmentFault: the disk is full, broken or read-only.
    """
    output = Path(config.options.output)
    _check_folders(config.options)
    source = open_source(config.options)
    with PartialFile(output / naming.PLAN_TABLE) as rows:
        plan = write_rows(source, config, rows)
        rows.sync()
        with folder_lock(output / naming.RECORDS):
            claim_folder(
                output,
                plan.identity,
                lambda: _stored_identity(output, plan),
                check_free=lambda: _check_no_shards(output, plan),
                explain=lambda: _source_change(read_plan(output), plan),
            )
            rows.publish()
            fsync_folder(output)
            with PartialFile(output / naming.PLAN) as head:
                head.write(plan.render())
                head.sync()
                head.publish()
            fsync_folder(output)
    return plan


def _check_folders(options: RunConfig) -> None:
    output = Path(options.output)
    if options.input:
        root = Path(options.input).resolve()
        if output.resolve() == root or root in output.resolve().parents:
            raise UsageError(
                "--output lies inside --input", where=options.output, remedy="choose a folder beside it"
            )
    try:
        make_folder(output)
        make_folder(output / naming.RECORDS)
    except OSError as error:
        raise UsageError("cannot make the output folder", where=options.output, cause=str(error)) from error
    sweep_partials(output)
    sweep_partials(output / naming.RECORDS)
    require_exclusive_names(output / naming.RECORDS)


def _stored_identity(output: Path, plan: Plan) -> dict[str, Any] | None:
    """What the folder's shards depend on.

    This plan's own identity when the plan is lost and all records are this run's.
    """
    try:
        return read_plan(output).identity
    except ShardFault:  # no plan, or a damaged one
        own = [record.fingerprint == plan.fingerprint for record in read_records(output)]
        return plan.identity if own and all(own) else None


def _check_no_shards(output: Path, plan: Plan) -> None:
    """Refuse a folder without a plan where a shard, a plan or a manifest would be overwritten."""
    for shard in plan.shards:
        for suffix in naming.SUFFIXES:
            path = output / f"{shard.name}.{suffix}"
            if path.exists():
                raise UsageError(
                    "the output folder holds shards but no plan",
                    where=str(path),
                    remedy="choose an empty folder",
                )
    for name in (naming.PLAN, naming.MANIFEST):
        if (output / name).exists():
            raise UsageError(
                "the output folder holds a file of that name that is not this run's",
                where=str(output / name),
                remedy="choose an empty folder",
            )


def _source_change(old: Plan, new: Plan) -> list[str]:
    """Where two plans part, as a line; none when their images are the same."""
    if old.identity["plan"] == new.identity["plan"]:
        return []
    pairs = itertools.zip_longest(old.shards, new.shards)
    first = next((before or after for before, after in pairs if before != after), None)
    where = f", first difference in shard {first.name}" if first else ""
    return [f"source: {old.images} images -> {new.images} images{where}"]


@dataclass
class _Keys:
    """Keys made unique: 8 bytes of memory per image, and only the repeated ones in full."""

    fixed: bool
    hashes: array[int] = field(default_factory=lambda: array("Q"))
    repeated: frozenset[int] = frozenset()
    taken: dict[str, str] = field(default_factory=dict)

    def key(self, item: SourceItem) -> str:
        key = naming.safe_key(item.name)
        if _hash64(key) in self.repeated:
            key = self._settle(key, item.path)
        self.hashes.append(_hash64(key))
        return key

    def _settle(self, key: str, path: str) -> str:
        if key not in self.taken:
            self.taken[key] = path
            return key
        other = naming.repaired_key(key, path)
        if self.fixed or other in self.taken:
            raise SourceFault(
                f"two images have the key {key!r}",
                where=f"{self.taken[key]} and {path}",
                cause="the source names both alike",
                remedy="rename one of them",
            )
        self.taken[other] = path
        return other

    def again(self) -> _Keys | None:
        """What a second pass must know, or None when all keys are unique already."""
        values = np.sort(np.frombuffer(self.hashes, np.uint64)) if self.hashes else np.empty(0, np.uint64)
        repeated = frozenset(values[1:][values[1:] == values[:-1]].tolist())
        if repeated and self.repeated:
            raise SourceFault("keys stay equal after repair", cause="the source lists an image twice")
        return _Keys(self.fixed, repeated=repeated) if repeated else None


def _hash64(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")


def write_rows(source: Source, config: ResolvedConfig, table: PartialFile) -> Plan:
    """Deal the source into shards, write their rows, one row group each, and return the plan's head."""
    keys: _Keys | None = _Keys(source.names_are_keys)
    while keys:
        table.restart()
        plan = _one_pass(source, config, keys, table)
        keys = keys.again()
    return plan


def _one_pass(source: Source, config: ResolvedConfig, keys: _Keys, table: PartialFile) -> Plan:
    options = config.options
    shards: list[PlannedShard] = []
    source_bytes, classes = 0, False
    with pq.ParquetWriter(pa.PythonFile(table, mode="w"), ROWS, compression="zstd") as writer:
        for number, images in enumerate(_batches(source, options, keys)):
            rows = [to_row(image) for image in images]
            writer.write_table(pa.Table.from_pylist(rows, schema=ROWS), row_group_size=len(rows))
            name = naming.shard_name(options.dataset, options.split, number)
            shards.append(PlannedShard(name, len(rows), rows_digest(rows)))
            source_bytes += sum(image.ref.size for image in images)
            classes = classes or any(isinstance(image.sample.label, int) for image in images)
    notes = tuple(getattr(source, "notes", ()))[:_MAX_NOTES]
    if not shards:
        raise SourceFault(
            "the source holds no image",
            where=options.input,
            cause="; ".join(notes) or "an empty folder, or another layout",
        )
    members = naming.members(
        photo=options.layout == "full", background=options.background != "none", classes=classes
    )
    facts = config.identity(digest([list(shard) for shard in shards]))
    total = sum(shard.images for shard in shards)
    return Plan(facts, members, total, source_bytes, tuple(shards), notes, table.sha256)


def _batches(source: Source, options: RunConfig, keys: _Keys) -> Iterator[list[PlannedImage]]:
    items = source.items()
    if options.limit:
        items = itertools.islice(items, options.limit)
    while batch := list(itertools.islice(items, options.shard_size)):
        yield [PlannedImage(SampleId(keys.key(item), item.label, item.path), item.ref) for item in batch]
