"""The loop that both executors share, over a team that makes a shard a step, out of nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from maskgen.errors import EnvironmentFault, Interrupted
from maskgen.pipelines.executors import executor
from maskgen.pipelines.executors.executor import Executor, State
from maskgen.pipelines.shard.make import ShardJob, ShardResult
from maskgen.shards.record import Record


@dataclass
class QuickTeam:
    """Two shards are under way at a time, and each step finishes one."""

    broken: int = -1
    endless: int = -1
    waiting: list[ShardJob] = field(default_factory=list)
    running: list[ShardJob] = field(default_factory=list)
    closed: int = 0

    @property
    def left(self) -> int:
        return len(self.waiting) + len(self.running)

    def take(self, jobs: list[ShardJob]) -> None:
        self.waiting += jobs

    def step(self, *, begin: bool) -> Iterator[ShardResult]:
        while begin and self.waiting and len(self.running) < 2:
            self.running.append(self.waiting.pop(0))
        job = self.running[0]
        if job.number == self.broken:
            raise EnvironmentFault("the disk is full")
        if job.number != self.endless:
            self.running.pop(0)
            yield ShardResult(job.number, Record(job.name, 1, 0, job.fingerprint, {}), made=True, seconds={})

    def state(self) -> State:
        return State(len(self.running), saved=10, unsaved=3)

    def close(self) -> None:
        self.closed += 1


def jobs(count: int) -> list[ShardJob]:
    return [ShardJob(Path("out"), number, f"s-{number}", ("jpg",), "f") for number in range(count)]


def test_it_yields_every_shard_tells_how_far_it_is_and_closes_its_team() -> None:
    team, ticks = QuickTeam(), list[State]()
    assert [one.number for one in Executor(team, ticks.append).run(jobs(5))] == [0, 1, 2, 3, 4]
    assert team.closed == 1
    assert [at.shards for at in ticks] == [1, 0], "at once and at the end: all took no quarter of a second"


def test_without_shards_nothing_is_begun() -> None:
    team, ticks = QuickTeam(), list[State]()
    assert list(Executor(team, ticks.append).run([])) == []
    assert (team.closed, ticks) == (1, [])


def test_one_stop_lets_the_shards_under_way_end() -> None:
    team, made = QuickTeam(), list[int]()
    with pytest.raises(Interrupted, match="no shard under way, nothing is lost; still to be made: 4"):
        made.extend(one.number for one in Executor(team, stop=lambda: int(team.left < 6)).run(jobs(6)))
    assert [job.number for job in team.waiting] == [2, 3, 4, 5]
    assert team.closed


def test_two_stops_drop_them() -> None:
    team = QuickTeam()
    message = "shards under way: 1, their photos that are finished and kept: 10, to be made again: 3"
    with pytest.raises(Interrupted, match=message):
        list(Executor(team, stop=lambda: 2 * (team.left < 6)).run(jobs(6)))
    assert team.left == 5


def test_a_shard_that_does_not_end_is_dropped_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "GRACE_S", 0.05)
    team = QuickTeam(endless=1)
    with pytest.raises(Interrupted, match="shards under way: 1"):
        list(Executor(team, stop=lambda: int(team.left < 6)).run(jobs(6)))


def test_an_error_of_the_team_ends_the_run_and_closes_it() -> None:
    team = QuickTeam(broken=2)
    with pytest.raises(EnvironmentFault, match="the disk is full"):
        list(Executor(team).run(jobs(5)))
    assert team.closed == 1
