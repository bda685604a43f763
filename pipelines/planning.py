"""Making the plan: a source's images, named uniquely, dealt into shards, hashed."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskgen.config.claim import REPEAT, claim_folder
from maskgen.config.counted import counted
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
from maskgen.io.storage.location import open_location
from maskgen.shards import naming
from maskgen.shards.kept import drop_committed, keep
from maskgen.shards.plan import Plan, PlannedImage, PlannedShard, read_plan, rows_digest, to_row
from maskgen.shards.plan_table import PART_SHARDS, TableWriter, render_part
from maskgen.shards.record import read_records
from maskgen.shards.sample import SampleId
from maskgen.shards.subset import Subset
from maskgen.types import Source, SourceItem

from .draft import Draft, cannot_make, existing_folder
from .keys import Keys, Taken, choose
from .resolve import OF_THE_METHOD, ResolvedConfig
from .sources import open_source

_MAX_NOTES = 100


@dataclass
class PlannedRun:
    """A plan that is not written yet: no folder has been made for it.

    Args:
        config: of the run.
        plan: its head.
        rows: its table.
    """

    config: ResolvedConfig
    plan: Plan
    rows: Draft

    def settle(self) -> Plan:
        """Write the plan to the output folder, which is made where it is absent, or find its equal there.

        A damaged plan in the folder is replaced when the commit records, or what is left of it, are of this
        run.

        Raises:
            UsageError: the folder holds another run's shards, or files that are not ours.
            EnvironmentFault: the disk is full, broken or read-only.
        """
        output = Path(self.config.options.output)
        make_output(output / naming.RECORDS)
        with PartialFile(output / naming.PLAN_TABLE) as rows, self.rows:
            self.rows.copy_to(rows)
            rows.sync()
            with folder_lock(output / naming.RECORDS):
                before = _stored_identity(output, self.plan)
                plan = _with_words_of(before, self.plan)
                other = _other_method(before, plan)
                claim_folder(
                    output,
                    plan.identity,
                    lambda: before,
                    check_free=lambda: _check_no_shards(output, plan),
                    explain=lambda: _source_change(read_plan(output), plan),
                    explained=("plan", *(OF_THE_METHOD if other else ())),
                    remedy=f"add --method {other} to resume, or choose another --output" if other else REPEAT,
                )
                rows.publish()
                fsync_folder(output)
                with PartialFile(output / naming.PLAN) as head:
                    head.write(plan.render())
                    head.sync()
                    head.publish()
                (output / naming.WHOLE_PLAN_TABLE).unlink(missing_ok=True)
                fsync_folder(output)
        return plan


@contextlib.contextmanager
def planned(config: ResolvedConfig) -> Iterator[PlannedRun]:
    """List a run's source; what dead processes have left in its output folder is swept, or kept, before.

    Raises:
        UsageError: a file is in the output folder's way.
        SourceFault: the source cannot be listed, or holds no image.
        EnvironmentFault: the disk is full, broken or read-only, or shards cannot be made on its file system.
    """
    output = Path(config.options.output)
    disk = existing_folder(output)
    keep(output)
    drop_committed(output)
    sweep_partials(output)
    sweep_partials(output / naming.RECORDS)
    require_exclusive_names(disk)
    source = open_source(config.options)
    with Draft(disk) as rows:
        yield PlannedRun(config, write_rows(source, config, rows), rows)


def prepare(config: ResolvedConfig) -> Plan:
    """List a run's source and write the plan to its output folder; raises as `planned` and `settle` do."""
    with planned(config) as run:
        return run.settle()


def make_output(folder: Path) -> None:
    """Make the output folder, or one in it.

    Raises:
        UsageError: it cannot be made.
        EnvironmentFault: no permission, or the disk is full, broken or read-only.
    """
    try:
        make_folder(folder)
    except OSError as error:
        raise cannot_make(folder, str(error.strerror or error)) from error


def check_apart(options: RunConfig) -> None:
    """Refuse an output inside the input, where the next run would find the masks among the photos.

    Args:
        options: as the user wrote them; a folder that a run works in for an object store may lie anywhere.

    Raises:
        UsageError: it is.
    """
    output, root = (_resolved(path) for path in (options.output, options.input))
    if options.input and f"{output}/".startswith(f"{root}/"):
        raise UsageError(
            "--output lies inside --input", where=options.output, remedy="choose a folder beside it"
        )


def _resolved(path: str) -> str:
    place = open_location(path)
    return str(place.resolve() if isinstance(place, Path) else place)


def _stored_identity(output: Path, plan: Plan) -> dict[str, Any] | None:
    """What the folder's shards depend on.

    This plan's own identity when the plan is lost and all records are this run's.
    """
    try:
        return read_plan(output).identity
    except ShardFault:  # no plan, or a damaged one
        own = [record.fingerprint == plan.fingerprint for record in read_records(output)]
        return plan.identity if own and all(own) else None


def _with_words_of(before: dict[str, Any] | None, plan: Plan) -> Plan:
    """The plan with what the folder says of the same weights.

    Their SHA-256 decides; what is known of them, as a license's text, may be corrected meanwhile.
    """
    if not before or before["weights_sha256"] != plan.identity["weights_sha256"]:
        return plan
    facts = {name: value for name, value in plan.identity.items() if name != "weights"}
    said = {name: value for name, value in before.items() if name == "weights"}
    return replace(plan, identity={**facts, **said})


def _other_method(before: dict[str, Any] | None, plan: Plan) -> str:
    """The method that the folder was made with where it is not this plan's: it may have been the default."""
    was = before["options"]["method"] if before else ""
    return "" if was == plan.identity["options"]["method"] else was


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
    """Where two plans part, as a line; none when their images are the same, or as many by other options."""
    by_options = old.identity["options"] != new.identity["options"]
    if old.identity["plan"] == new.identity["plan"] or (by_options and old.images == new.images):
        return []
    if by_options:
        return [f"images: {old.images} -> {new.images}"]
    pairs = itertools.zip_longest(old.shards, new.shards)
    first = next((before or after for before, after in pairs if before != after), None)
    where = f", first difference in shard {first.name}" if first else ""
    how = "photos were added, removed, renamed, resized or labeled anew"
    return [f"source: {counted(old.images, 'image')} -> {counted(new.images, 'image')}{where} ({how})"]


def write_rows(source: Source, config: ResolvedConfig, table: Draft) -> Plan:
    """Deal the source into shards, write their rows, one row group each, and return the plan's head."""
    subset = _subset_of(config.options)
    first = Keys(source.names_are_keys)
    taken, keys = choose(source, subset, first, config.options.input or None) if subset else (None, first)
    while True:
        table.restart()
        plan = _one_pass(source, config, taken, keys, table)
        again = keys.again()
        if again is None:
            return plan
        keys = again


def _subset_of(options: RunConfig) -> Subset:
    return Subset(
        sample=options.sample,
        seed=options.seed,
        by=options.sample_by,
        alpha=options.pareto_alpha,
        keys=options.keys or None,
    )


def _one_pass(source: Source, config: ResolvedConfig, taken: Taken | None, keys: Keys, table: Draft) -> Plan:
    options = config.options
    shards: list[PlannedShard] = []
    source_bytes, classes, lossless = 0, set[int](), 0
    items = source.items()
    writer, part = TableWriter(table), list[list[dict[str, Any]]]()
    for number, images in enumerate(_batches(items, options, taken, keys)):
        part.append([to_row(image) for image in images])
        name = naming.shard_name(options.dataset, options.split, number)
        shards.append(PlannedShard(name, len(images), rows_digest(part[-1])))
        source_bytes += sum(image.ref.size for image in images)
        classes |= {image.sample.label for image in images if isinstance(image.sample.label, int)}
        lossless += sum(_is_lossless(image.sample.path) for image in images)
        if len(part) == PART_SHARDS:
            writer.append(render_part(part))
            part = []
    if part:
        writer.append(render_part(part))
    writer.end()
    total = sum(shard.images for shard in shards)
    limited = [_limit_note(total, len(classes))] if options.limit and next(items, None) else []
    notes = [*limited, *([taken.note] if taken else []), *getattr(source, "notes", ())]
    if not shards:
        raise SourceFault(
            "the source holds no image",
            where=options.input,
            cause="; ".join(notes) or "an empty folder, or another layout",
            remedy="check --input and --dataset: docs/how-to/sources.md has the layout of each kind",
        )
    chosen = lossless == total and _chooses_format(options)
    if chosen:
        notes.insert(0, "photos are stored as PNGs: every file is lossless (--photo-format jpg stores JPEGs)")
    elif lossless and _chooses_format(options):
        notes.insert(
            0,
            f"{lossless} of {total} photos are of lossless files and are stored as JPEGs of quality "
            f"{options.jpeg_quality} beside the others (--photo-format png keeps the pixels of all)",
        )
    members = naming.members(
        photo=options.layout == "full",
        lossless=chosen or options.photo_format == naming.LOSSLESS_PHOTO,
        background=options.background != "none",
        classes=bool(classes),
        lean=options.members == "lean",
    )
    facts = config.identity(digest([list(shard) for shard in shards]))
    head = tuple(notes[:_MAX_NOTES])
    return Plan(facts, members, total, source_bytes, tuple(shards), head, table.sha256)


def _is_lossless(path: str) -> bool:
    return Path(path).suffix.lower() in naming.LOSSLESS_FILES


def _chooses_format(options: RunConfig) -> bool:
    """Whether the run decides how photos are stored, which nobody has said."""
    return options.photo_format == "auto" and options.layout == "full" and not options.short_side


def _limit_note(total: int, classes: int) -> str:
    of_classes = f", of {counted(classes, 'class', 'classes')}" if classes else ""
    return (
        f"--limit took the first {counted(total, 'image')} in the source's order only{of_classes}; "
        f"--sample {total} draws from all of it"
    )


def _batches(
    items: Iterator[SourceItem], options: RunConfig, taken: Taken | None, keys: Keys
) -> Iterator[list[PlannedImage]]:
    if options.limit:
        items = itertools.islice(items, options.limit)
    every = ((keys.key(item), item) for item in items)
    named = every if taken is None else taken.of(every)
    while batch := list(itertools.islice(named, options.shard_size)):
        yield [PlannedImage(SampleId(key, item.label, item.path), item.ref) for key, item in batch]
