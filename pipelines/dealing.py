"""A source's images, each under a key of its own, dealt into shards."""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskgen.config.counted import counted
from maskgen.config.fingerprint import digest
from maskgen.config.run_config import RunConfig
from maskgen.errors import EnvironmentFault, ImageFault, SourceFault
from maskgen.io.arrow import array_of, integers_of, to_integers
from maskgen.processes.cores import usable_cores
from maskgen.processes.supervisor import map_in_order
from maskgen.shards import naming
from maskgen.shards.plan import Plan, PlannedShard, rows_digest
from maskgen.shards.plan_table import PART_SHARDS, ROWS, TableWriter, render_part
from maskgen.shards.subset import Subset
from maskgen.types import Label, Source

from .draft import Draft
from .keys import Repeats, Taken, choose, find_repeated, lie_in
from .listed import Listed, list_source, parse_rows
from .remembered import open_memory
from .resolve import ResolvedConfig

_MAX_NOTES = 100
_ALONE = 200_000
"""Images up to which this process deals them out by itself: in a few seconds."""
_LONGEST_S = 86_400.0
_LARGEST_SHARD = 1_000
"""Samples of a shard where nobody has said how many."""
_LEAST_SHARD = 32
_SHARDS = 64
"""Into how many shards less than 64,000 images go: enough for 16 cores to end together."""


class _Deal(NamedTuple):
    """A part of the table to be made.

    Args:
        pieces: of the listing, each with the number of its first image.
        numbers: (n,) int64, of the images of the part.
        keys: of those whose own key another has.
    """

    pieces: list[tuple[int, bytes]]
    numbers: NDArray[np.int64]
    keys: dict[int, str]


class _Dealt(NamedTuple):
    """A part of the table, and what the plan says of its images."""

    part: bytes
    shards: list[tuple[int, str]]
    source_bytes: int
    classes: set[int]
    lossless: int


@dataclass
class _Totals:
    """What the plan says of all images."""

    images: int = 0
    source_bytes: int = 0
    lossless: int = 0

    def add(self, dealt: _Dealt) -> None:
        """Count a part."""
        self.images += sum(images for images, _ in dealt.shards)
        self.source_bytes += dealt.source_bytes
        self.lossless += dealt.lossless


def write_rows(source: Source, config: ResolvedConfig, table: Draft) -> Plan:
    """List a source, deal its images into shards, write their rows and return the plan's head.

    Args:
        source: is listed once.
        config: of the run.
        table: empty.

    Raises:
        SourceFault: the source cannot be listed, holds no image, or several with one key.
        EnvironmentFault: the disk is full, broken or read-only.
    """
    options, workers = config.options, config.options.workers or usable_cores()
    with Listed(table.folder) as listed:
        with open_memory(options) as memory:
            has_more = list_source(source, listed, workers, options.limit, memory)
        keys = _own_keys(listed, fixed=source.names_are_keys)
        subset = _subset_of(options)
        taken = choose(_named(listed, keys), subset, options.input or None) if subset else None
        shards, totals, classes = list[PlannedShard](), _Totals(), set[int]()
        writer = TableWriter(table)
        for dealt in _deal(listed, taken, keys, options.shard_size, workers):
            writer.append(dealt.part)
            totals.add(dealt)
            classes |= dealt.classes
            for images, of_rows in dealt.shards:
                name = naming.shard_name(options.dataset, options.split, len(shards))
                shards.append(PlannedShard(name, images, of_rows))
        writer.end()
    limited = [_limit_note(totals.images, len(classes))] if has_more else []
    notes = [*limited, *([taken.note] if taken else []), *getattr(source, "notes", ())]
    if not shards:
        raise SourceFault(
            "the source holds no image",
            where=options.input,
            cause="; ".join(notes) or "an empty folder, or another layout",
            remedy="--dataset webdataset reads the photos of shards"
            if options.dataset == "folder" and (Path(options.input) / naming.MANIFEST).is_file()
            else "check --input and --dataset: docs/how-to/sources.md has the layout of each kind",
        )
    lossless, members = _members(options, totals, has_classes=bool(classes))
    facts = config.identity(digest([list(shard) for shard in shards]))
    head = tuple([*lossless, *notes][:_MAX_NOTES])
    return Plan(facts, members, totals.images, totals.source_bytes, tuple(shards), head, table.sha256)


def shard_size_of(images: int) -> int:
    """How many samples a shard has where nobody has said it, whatever the machine.

    Shards are made by one process each, so a thousand photos in one shard would keep one core busy.

    Example:
        >>> from maskgen.pipelines.dealing import shard_size_of
        >>> [shard_size_of(images) for images in (12, 1_000, 10_000, 1_281_167)]
        [32, 32, 157, 1000]
    """
    return min(_LARGEST_SHARD, max(_LEAST_SHARD, math.ceil(images / _SHARDS)))


def _own_keys(listed: Listed, *, fixed: bool) -> dict[int, str]:
    """The keys of the images that cannot have the one that they were listed with."""
    repeated = find_repeated(listed.hashes, listed.images)
    if not len(repeated):
        return {}
    repeats, keys = Repeats(fixed), dict[int, str]()
    hashes, first = listed.hashes(), 0
    for part in hashes:
        numbers = first + np.flatnonzero(lie_in(part, repeated))
        for number, row in zip(numbers.tolist(), _rows(listed, numbers), strict=True):
            key = repeats.settle(row["key"], row["path"])
            if key != row["key"]:
                keys[number] = key
        first += len(part)
    repeats.check(listed.hashes)
    return keys


def _rows(listed: Listed, numbers: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
    """The rows of some images, as they were listed."""
    if len(numbers):
        for first, data in listed.pieces(int(numbers[0]), int(numbers[-1])):
            rows = parse_rows(data)
            inside = numbers[(numbers >= first) & (numbers < first + rows.num_rows)] - first
            yield from rows.take(integers_of(inside)).to_pylist()


def _named(listed: Listed, keys: dict[int, str]) -> Iterator[tuple[str, Label, str]]:
    """Key, label and path of every image."""
    for first, data in listed.pieces(0, listed.images):
        rows = parse_rows(data)
        columns = (rows[name].to_pylist() for name in ("key", "label", "path"))
        for number, (key, label, path) in enumerate(zip(*columns, strict=True), first):
            yield keys.get(number, str(key)), _label(label), path


def _label(text: str) -> Label:
    raw = json.loads(text)
    return tuple(raw) if isinstance(raw, list) else raw


def _deal(
    listed: Listed, taken: Taken | None, keys: dict[int, str], shard_size: int, workers: int
) -> Iterator[_Dealt]:
    """The parts of the table in their order."""
    total = listed.images if taken is None else len(taken.numbers)
    shard_size = shard_size or shard_size_of(total)
    deals = _deals(listed, taken, keys, total, shard_size * PART_SHARDS)
    make = partial(_make_part, shard_size)
    if total <= _ALONE or workers < 2:
        yield from map(make, deals)
        return
    for answer in map_in_order(make, deals, workers, _LONGEST_S):
        if isinstance(answer, ImageFault):
            raise EnvironmentFault(
                f"a part of the plan could not be made ({answer})",
                cause="too little memory for this many workers",
                remedy="run again with fewer --workers",
            )
        yield answer


def _deals(
    listed: Listed, taken: Taken | None, keys: dict[int, str], total: int, size: int
) -> Iterator[_Deal]:
    repaired = list(keys)  # in the source's order
    for start in range(0, total, size):
        end = min(total, start + size)
        numbers = np.arange(start, end) if taken is None else taken.numbers[start:end]
        low, high = int(numbers[0]), int(numbers[-1])
        inside = repaired[bisect_left(repaired, low) : bisect_right(repaired, high)]
        own = {number: keys[number] for number in inside}
        yield _Deal(list(listed.pieces(low, high)), numbers, own)


def _make_part(shard_size: int, deal: _Deal) -> _Dealt:
    rows = _chosen_rows(deal)
    labels = {json.loads(text) for text in set(rows["label"].to_pylist()) if text[0] not in "[n"}
    ends = (f".{path.rpartition('.')[2].lower()}" for path in rows["path"].to_pylist())
    lossless = sum(end in naming.LOSSLESS_FILES for end in ends)
    shards = [rows.slice(start, shard_size) for start in range(0, rows.num_rows, shard_size)]
    facts = [(shard.num_rows, rows_digest(shard.to_pylist())) for shard in shards]
    return _Dealt(render_part(shards), facts, int(to_integers(rows["size"], 0).sum()), labels, lossless)


def _chosen_rows(deal: _Deal) -> pa.Table:
    """The rows of a part in one piece of memory, with keys of their own."""
    parts = []
    for first, data in deal.pieces:
        rows = parse_rows(data)
        inside = deal.numbers[(deal.numbers >= first) & (deal.numbers < first + rows.num_rows)] - first
        parts.append(rows.take(integers_of(inside)))
    rows = pa.concat_tables(parts).combine_chunks()
    if not deal.keys:
        return rows
    keys = [deal.keys.get(*pair) for pair in zip(deal.numbers.tolist(), rows["key"].to_pylist(), strict=True)]
    return rows.set_column(0, ROWS.field(0), array_of(keys, pa.string()))


def _members(options: RunConfig, totals: _Totals, *, has_classes: bool) -> tuple[list[str], tuple[str, ...]]:
    """What is said of lossless photos, and the members of each sample."""
    note = ""
    chosen = totals.lossless == totals.images and _chooses_format(options)
    if chosen:
        note = "photos are stored as PNGs: every file is lossless (--photo-format jpg stores JPEGs)"
    elif totals.lossless and _chooses_format(options):
        note = (
            f"{totals.lossless} of {totals.images} photos are of lossless files and are stored as JPEGs of "
            f"quality {options.jpeg_quality} beside the others (--photo-format png keeps the pixels of all)"
        )
    members = naming.members(
        photo=options.layout == "full",
        lossless=chosen or options.photo_format == naming.LOSSLESS_PHOTO,
        background=options.background != "none",
        classes=has_classes,
        lean=options.members == "lean",
    )
    return [note] if note else [], members


def _subset_of(options: RunConfig) -> Subset:
    return Subset(
        sample=options.sample,
        seed=options.seed,
        by=options.sample_by,
        alpha=options.pareto_alpha,
        keys=options.keys or None,
    )


def _chooses_format(options: RunConfig) -> bool:
    """Whether the run decides how photos are stored, which nobody has said."""
    return options.photo_format == "auto" and options.layout == "full" and not options.short_side


def _limit_note(total: int, classes: int) -> str:
    of_classes = f", of {counted(classes, 'class', 'classes')}" if classes else ""
    return (
        f"--limit took the first {counted(total, 'image')} in the source's order only{of_classes}; "
        f"--sample {total} draws from all of it"
    )
