"""Masks in shards: the numbers are read from the tables, a shard at a time; no mask is opened."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from ..evaluation.pairs import entry_of
from ..io.storage.location import Location
from ..io.storage.reading import read_whole
from ..shards import naming, table
from ..shards.manifest import Manifest
from ..shards.record import Record
from .sample import Sample, touched_sides
from .tally import Tally

_COLUMNS = (
    *("key", "path", "status", "error", "width", "height"),
    *("fg_area", "fg_box", "confidence", "background"),
)


@dataclass(slots=True)
class Survey:
    """What one pass over a set of masks has found.

    Args:
        tally: numbers and extremes.
        total: masks of the set, those included that the pass left out.
        drawn: samples drawn at random, in the order in which they were drawn.
        wanted: those that were asked for by name.
        level: the smallest mask value, 1..255, that counts as foreground.
    """

    tally: Tally
    total: int
    level: int
    drawn: list[Sample] = field(default_factory=list)
    wanted: list[Sample] = field(default_factory=list)


def draw_numbers(total: int, count: int, seed: int) -> list[int]:
    """`count` of the numbers below `total` in a random order, all of them where there are no more.

    Example:
        >>> from maskgen.report.shard_set import draw_numbers
        >>> sorted(draw_numbers(3, 5, seed=0)), len(set(draw_numbers(10**9, 5, seed=0)))
        ([0, 1, 2], 5)
    """
    chosen: list[int] = (
        np.random.default_rng(seed).choice(total, min(count, total), replace=False, shuffle=True).tolist()
    )
    return chosen


def survey_shards(
    data: Location, whole: Manifest, level: int, chosen: list[int], wanted: Collection[str], sheet: int
) -> Survey:
    """Pass over the tables of a data set.

    Args:
        data: its folder.
        whole: its manifest.
        level: see `Survey`.
        chosen: numbers of the samples that are kept as drawn, see `draw_numbers`.
        wanted: names of the samples that are kept for themselves.
        sheet: samples of each ranking.

    Raises:
        ShardFault: a table cannot be read.
    """
    survey = Survey(Tally(sheet), whole.samples, level)
    kept = dict[int, Sample]()
    number, places = 0, set(chosen)
    for record in whole.shards:
        shard = _Shard(data, record, whole)
        for row, facts in enumerate(shard.rows):
            if facts["status"] != "ok":
                survey.tally.quarantine.add(record.name, facts["key"], facts["path"], facts["error"])
                continue
            make = partial(shard.sample, row)
            survey.tally.backgrounds[facts["background"] or "none"] += 1
            survey.tally.add(number, facts["fg_area"], facts.get("confidence"), _sides(facts), make)
            if number in places:
                kept[number] = make()
            if wanted and (sample := make()) and any(name in wanted for name in sample.entry.names):
                survey.wanted.append(sample)
            number += 1
    survey.drawn = [kept[place] for place in chosen if place in kept]
    return survey


def _sides(facts: dict[str, Any]) -> int:
    y0, x0, y1, x1 = facts["fg_box"]
    return touched_sides((y0, x0, y1, x1), (facts["height"], facts["width"]))


class _Shard:
    """The table of one shard, of which most columns are looked at for a few rows only."""

    def __init__(self, data: Location, record: Record, whole: Manifest) -> None:
        self._tar = data / f"{record.name}.tar"
        self._pictures = (naming.MASK, naming.stored_ext(naming.PHOTO, whole.members))
        places = [table.column(ext, part) for ext in self._pictures for part in ("offset", "size", "crc32c")]
        self._table: pa.Table = table.read(data / f"{record.name}.parquet", [*_COLUMNS, *places])
        here = [name for name in _COLUMNS if name in self._table.column_names]
        self.rows: list[dict[str, Any]] = self._table.select(here).to_pylist()

    def sample(self, row: int) -> Sample:
        """The sample of a row."""
        facts = self._table.slice(row, 1).to_pylist()[0]
        return Sample(
            entry_of(self._tar, facts, self._pictures),
            facts["path"],
            (facts["height"], facts["width"]),
            facts["fg_area"],
            facts.get("confidence"),
            _sides(facts),
        )


@dataclass(slots=True)
class Times:
    """Where the time of a run went.

    Args:
        images: that were made.
        stages: seconds by stage, summed over workers.
        each: milliseconds an image, of each shard that was made.
    """

    images: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    each: list[float] = field(default_factory=list)


def read_times(data: Location) -> Times:
    """The times of a run from its log; empty where that was not copied along.

    Raises:
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    times, log = Times(), data / naming.LOG
    if not log.is_file():
        return times
    for line in read_whole(log).decode("utf-8", "replace").splitlines():
        try:
            facts = json.loads(line)
            made = int(facts["samples"]) + int(facts["failed"]) - int(facts.get("kept", 0))
            seconds = {str(name): float(value) for name, value in facts["seconds"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # a line that a kill has cut, or one of another kind
        if made <= 0:
            continue
        times.images += made
        times.each.append(1000 * sum(seconds.values()) / made)
        for name, value in seconds.items():
            times.stages[name] = times.stages.get(name, 0.0) + value
    return times
