"""One pass over the tables, against reading everything."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from maskgen.report.shard_set import draw_numbers, read_times, survey_shards
from maskgen.shards import manifest
from maskgen.shards.naming import LOG


def test_numbers_are_drawn_once_each_and_the_same_for_the_same_seed() -> None:
    drawn = draw_numbers(1000, 50, seed=3)
    assert len(set(drawn)) == 50
    assert drawn == draw_numbers(1000, 50, seed=3) != draw_numbers(1000, 50, seed=4)
    assert drawn != sorted(drawn), "the first few are drawn at random, too"
    assert sorted(draw_numbers(5, 50, seed=0)) == list(range(5))
    assert draw_numbers(0, 50, seed=0) == []


def test_a_pass_finds_what_the_tables_say(shards: Path) -> None:
    whole = manifest.read(shards)
    rows = [row for path in sorted(shards.glob("*-*.parquet")) for row in pq.read_table(path).to_pylist()]
    survey = survey_shards(shards, whole, whole.level, [7, 41, 0], {rows[5]["key"]}, 6)
    assert (survey.total, survey.tally.samples) == (54, 54)
    assert survey.tally.mean_coverage == pytest.approx(np.mean([row["fg_area"] for row in rows]))
    assert [one.key for one in survey.drawn] == [rows[n]["key"] for n in (7, 41, 0)]
    assert [one.key for one in survey.wanted] == [rows[5]["key"]]
    lowest = sorted(rows, key=lambda row: row["confidence"])[:6]
    assert [one.key for one in survey.tally.rankings["doubtful"].best()] == [row["key"] for row in lowest]
    one = survey.drawn[0]
    assert (one.path, one.coverage, one.size) == (rows[7]["path"], rows[7]["fg_area"], (48, 48))
    assert one.entry.mask.read()[1:4] == b"PNG"
    assert one.entry.photo is not None


@pytest.mark.slow
def test_memory_does_not_grow_with_the_data_set(shards: Path, tmp_path: Path) -> None:
    whole = manifest.read(shards)
    first = whole.shards[0]
    records = [replace(first, name=f"s-{number:06d}") for number in range(120)]
    for record in records:
        (tmp_path / f"{record.name}.parquet").symlink_to(shards / f"{first.name}.parquet")

    def peak(count: int) -> int:
        some = replace(whole, shards=tuple(records[:count]))
        tracemalloc.start()
        survey = survey_shards(tmp_path, some, whole.level, draw_numbers(some.samples, 50, 0), set(), 8)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (survey.tally.samples, len(survey.drawn)) == (first.samples * count, 50)
        return most

    peak(2)  # what is imported and cached on the way
    assert peak(120) < 1.5 * peak(12)


def test_times_are_those_of_the_log_but_for_broken_lines(tmp_path: Path) -> None:
    assert read_times(tmp_path).images == 0
    lines = [
        json.dumps({"samples": 8, "failed": 2, "kept": 0, "seconds": {"decode": 1.0, "method": 4.0}}),
        json.dumps({"samples": 10, "failed": 0, "kept": 5, "seconds": {"method": 1.0}}),
        json.dumps({"samples": 10, "failed": 0, "kept": 10, "seconds": {"method": 0.0}}),
        json.dumps({"note": "something else"}),
        json.dumps([1]),
        '{"samples": 3, "fail',
    ]
    (tmp_path / LOG).write_text("\n".join(lines))
    times = read_times(tmp_path)
    assert (times.images, times.stages) == (15, {"decode": 1.0, "method": 5.0})
    assert times.each == pytest.approx([500.0, 200.0])
