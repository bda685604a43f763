"""What a worker answers: a shard, a trial, or the error that ends the run."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from stage_kit import job, planned

from maskgen.errors import EnvironmentFault, MaskgenError
from maskgen.pipelines.resolve import ResolvedConfig
from maskgen.pipelines.shard.make import ShardResult
from maskgen.pipelines.shard.stages import Stages
from maskgen.pipelines.shard.worker import StagesFactory, Trial, TrialResult, serve
from maskgen.processes.watch import IDLE


def ask(config: ResolvedConfig, make_stages: StagesFactory, *tasks: object) -> Iterator[object]:
    """The answers of a worker in a thread, which ends when its pipe closes."""
    ours, theirs = multiprocessing.Pipe()

    def live(pipe: Connection) -> None:
        with pytest.raises(EOFError):
            serve(pipe, list(IDLE), config, make_stages)

    thread = threading.Thread(target=live, args=(theirs,))
    thread.start()
    for task in tasks:
        ours.send(task)
        yield ours.recv()
    ours.close()
    thread.join(60)
    assert not thread.is_alive()


def test_stages_are_made_once_and_serve_shards_and_trials(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    made: list[tuple[str, ...]] = []

    def make_stages(config: ResolvedConfig, members: tuple[str, ...]) -> Stages:
        made.append(members)
        return Stages(config, members)

    wanted = job(config, plan)
    trial, shard = ask(config, make_stages, Trial(wanted, 0), wanted)
    assert trial == TrialResult(0)
    assert isinstance(shard, ShardResult)
    assert (shard.record.samples, shard.record.failed) == (4, 1)
    assert made == [plan.members]


def test_errors_go_to_the_parent_and_the_worker_goes_on(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    errors: list[Exception] = [EnvironmentFault("no such GPU"), ZeroDivisionError("by nought")]

    def make_stages(config: ResolvedConfig, members: tuple[str, ...]) -> Stages:
        if errors:
            raise errors.pop(0)
        return Stages(config, members)

    wanted = job(config, plan)
    known, unknown, shard = ask(config, make_stages, wanted, wanted, wanted)
    assert isinstance(known, EnvironmentFault)
    assert known.what == "no such GPU"
    assert isinstance(unknown, MaskgenError)
    assert unknown.what == "a worker failed (ZeroDivisionError: by nought)"
    assert unknown.where == wanted.name
    assert "make_stages" in unknown.cause
    assert isinstance(shard, ShardResult)
