"""Shards made by worker processes: all of them, or those that are under way when a signal comes."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections import deque
from pathlib import Path

import pytest
from stage_kit import job, planned

from maskgen.errors import EnvironmentFault, Interrupted
from maskgen.pipelines.executors.executor import State
from maskgen.pipelines.executors.local import Crew, LocalExecutor
from maskgen.pipelines.resolve import ResolvedConfig
from maskgen.pipelines.shard.make import ShardJob, ShardResult, make_shard
from maskgen.pipelines.shard.stages import Decoded, Masked, Quarantined, Stages
from maskgen.pipelines.shard.worker import StagesFactory
from maskgen.processes.supervisor import Loss
from maskgen.processes.watch import IDLE, Watch
from maskgen.shards.plan import Plan, shard_rows


def jobs(output: Path, plan: object) -> list[ShardJob]:
    return [
        ShardJob(output, number, shard.name, plan.members, plan.fingerprint)  # type: ignore[attr-defined]
        for number, shard in enumerate(plan.shards)  # type: ignore[attr-defined]
    ]


@pytest.mark.slow
def test_every_job_gives_its_shard_and_ticks_tell_how_far_it_is(tmp_path: Path) -> None:
    config, plan = planned(tmp_path, count=9, shard_size=3)
    ticks: list[State] = []
    executor = LocalExecutor(config, 2, tick=ticks.append)
    found = {result.number: result.record for result in executor.run(jobs(tmp_path / "out", plan))}
    assert {number: (one.samples, one.failed) for number, one in found.items()} == {
        0: (3, 0),
        1: (2, 1),
        2: (3, 0),
    }
    assert ticks
    assert all(0 <= at.finished <= 6 and at.kept == 0 and 0 <= at.device_use["cpu"] <= 1 for at in ticks)


@pytest.mark.slow
def test_a_stop_finishes_what_is_under_way_and_begins_nothing(tmp_path: Path) -> None:
    config, plan = planned(tmp_path, count=9, shard_size=3)
    asked = iter([0])
    executor = LocalExecutor(config, 1, stop=lambda: next(asked, 1))
    made = []
    with pytest.raises(Interrupted, match=r"no shard under way, nothing is lost; still to be made: \d"):
        made += [result.number for result in executor.run(jobs(tmp_path / "out", plan))]
    assert [path.name for path in (tmp_path / "out").glob("*.tar")] == [f"{plan.shards[0].name}.tar"]


def test_two_stops_drop_what_is_under_way(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    executor = LocalExecutor(config, 1, stop=lambda: 2)
    with pytest.raises(Interrupted):
        next(executor.run(jobs(tmp_path / "out", plan)))
    assert not list((tmp_path / "out").glob("*.tar"))


class SlowStages(Stages):
    """The real stages, a tenth of a second slower, with a log of the photos whose masks were made."""

    def mask(self, photo: Decoded | Quarantined) -> Masked | Quarantined:
        time.sleep(0.1)
        with Path(os.environ["MASK_LOG"]).open("a") as log:
            log.write(f"{photo.sample.key}\n")
        return super().mask(photo)


def make_slow(config: ResolvedConfig, members: tuple[str, ...]) -> Stages:
    return SlowStages(config, members)


def make_here(config: ResolvedConfig, plan: Plan, make_stages: StagesFactory) -> ShardResult:
    """The first shard, in this process."""
    wanted = job(config, plan)
    with contextlib.closing(make_stages(config, plan.members)) as stages:
        return make_shard(wanted, shard_rows(wanted.output, 0), stages, Watch(list(IDLE)))


@pytest.mark.slow
def test_an_interruption_says_what_is_kept_and_nothing_kept_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, plan = planned(tmp_path, count=9, shard_size=9)
    output, log = tmp_path / "out", tmp_path / "log"
    monkeypatch.setenv("MASK_LOG", str(log))
    finished = [0]
    executor = LocalExecutor(
        config,
        1,
        make_slow,
        tick=lambda at: finished.append(at.finished),
        stop=lambda: 2 if finished[-1] else 0,
    )
    with pytest.raises(Interrupted) as caught:
        list(executor.run(jobs(output, plan)))
    numbers = re.findall(r"kept: (\d+), to be made again: (\d+)", str(caught.value))
    ((kept, again),) = ((int(one), int(other)) for one, other in numbers)
    before = log.read_text().split()
    assert 1 <= kept <= len(before) <= kept + again <= kept + 2, "one in work, and perhaps the broken one"
    log.write_text("")
    result = make_here(config, plan, make_slow)
    made = log.read_text().split()
    good = [key for key in before if key != "p3"]
    assert not set(made) & set(good[:kept])
    assert result.kept == kept
    assert not [path for path in output.iterdir() if path.name.startswith(".")]
    for path in [*(output / "records").iterdir(), *output.glob(f"{plan.shards[0].name}.*")]:
        path.unlink()
    undisturbed = make_here(config, plan, Stages)
    assert undisturbed.record == result.record, "the same bytes"


def test_a_photo_that_kills_although_it_is_known_bad_does_not_go_round_for_ever(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    crew, loss = Crew(config, 1), Loss(job(config, plan, {2: "crash"}), 2, "crash: signal 9", hung=False)
    with pytest.raises(EnvironmentFault, match="worker processes keep dying"):
        deque(map(crew._judge, [loss] * 20))
