"""A source's images, each under a key of its own, dealt into shards."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maskgen.config.counted import counted
from maskgen.config.fingerprint import digest
from maskgen.config.run_config import RunConfig
from maskgen.errors import SourceFault
from maskgen.shards import naming
from maskgen.shards.plan import Plan, PlannedImage, PlannedShard, rows_digest, to_row
from maskgen.shards.plan_table import PART_SHARDS, TableWriter, render_part
from maskgen.shards.sample import SampleId
from maskgen.shards.subset import Subset
from maskgen.types import Source, SourceItem

from .draft import Draft
from .keys import Keys, Taken, choose
from .resolve import ResolvedConfig

_MAX_NOTES = 100


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
