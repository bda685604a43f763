"""Shards made by worker processes: all of them, or those that are under way when a signal comes."""

from __future__ import annotations

from pathlib import Path

import pytest
from stage_kit import planned

from maskgen.errors import Interrupted
from maskgen.pipelines.executors.local import LocalExecutor
from maskgen.pipelines.shard.make import ShardJob


def jobs(output: Path, plan: object) -> list[ShardJob]:
    return [
        ShardJob(output, number, shard.name, plan.members, plan.fingerprint)  # type: ignore[attr-defined]
        for number, shard in enumerate(plan.shards)  # type: ignore[attr-defined]
    ]


@pytest.mark.slow
def test_every_job_gives_its_shard_and_ticks_tell_how_far_it_is(tmp_path: Path) -> None:
    config, plan = planned(tmp_path, count=9, shard_size=3)
    ticks: list[tuple[int, dict[str, float]]] = []
    executor = LocalExecutor(config, 2, tick=lambda *at: ticks.append(at))
    found = {result.number: result.record for result in executor.run(jobs(tmp_path / "out", plan))}
    assert {number: (one.samples, one.failed) for number, one in found.items()} == {
        0: (3, 0),
        1: (2, 1),
        2: (3, 0),
    }
    assert ticks
    assert all(0 <= running <= 6 and 0 <= use["cpu"] <= 1 for running, use in ticks)


@pytest.mark.slow
def test_a_stop_finishes_what_is_under_way_and_begins_nothing(tmp_path: Path) -> None:
    config, plan = planned(tmp_path, count=9, shard_size=3)
    asked = iter([0])
    executor = LocalExecutor(config, 1, stop=lambda: next(asked, 1))
    made = []
    with pytest.raises(Interrupted):
        made += [result.number for result in executor.run(jobs(tmp_path / "out", plan))]
    assert [path.name for path in (tmp_path / "out").glob("*.tar")] == [f"{plan.shards[0].name}.tar"]


def test_two_stops_drop_what_is_under_way(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    executor = LocalExecutor(config, 1, stop=lambda: 2)
    with pytest.raises(Interrupted):
        next(executor.run(jobs(tmp_path / "out", plan)))
    assert not list((tmp_path / "out").glob("*.tar"))
