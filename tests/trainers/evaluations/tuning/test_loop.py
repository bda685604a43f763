"""The loop over steps on a small network: interruptions anywhere leave no trace."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from maskgen.errors import Interrupted, UsageError
from maskgen.processes.signals import StopSignals
from maskgen.trainers.evaluations.tuning.loop import Loop, Outcome, Part, Training
from maskgen.trainers.heads.resume import Keeper

X = torch.randn(11, 4, generator=torch.Generator().manual_seed(0))
Net = nn.Sequential
Small = Training[Net, Tensor]


def inputs(epoch: int, steps: list[list[Part]]) -> Iterator[Tensor]:
    for passes in steps:
        for part in passes:
            yield X[torch.from_numpy(part)] + 0.01 * epoch


def make(**changes: object) -> Small:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    groups = [{"params": list(model.parameters()), "peak": 0.1}]
    training = Training(
        model=model,
        optimizer=torch.optim.SGD(groups, lr=1.0, momentum=0.9),
        images=11,
        batch_size=4,
        per_pass=4,
        epochs=3,
        steps=0,
        factor=lambda epochs, per_epoch: lambda step: 1 - step / (epochs * per_epoch),
        seed=5,
        inputs=inputs,
        loss=lambda model, batch, _part: functional.mse_loss(model(batch)[:, 0], batch.sum(1)),
        judge=lambda _model, last: {"judged": float(last)},
        name="a trial",
        say=lambda _text: None,
    )
    return replace(training, **changes)


def keeper(folder: Path) -> Keeper:
    return Keeper(folder, {}, lambda _text: None)


def same(first: Outcome[Net], second: Outcome[Net]) -> bool:
    one, two = (outcome.model.state_dict() for outcome in (first, second))
    return first.records == second.records and all(torch.equal(one[name], two[name]) for name in one)


def test_steps_epochs_and_records(tmp_path: Path) -> None:
    said: list[str] = []
    found = Loop(make(say=said.append), keeper(tmp_path)).run()
    assert [record["step"] for record in found.records] == [2, 4, 6]  # two steps of four of eleven images
    assert [record["judged"] for record in found.records] == [0.0, 0.0, 1.0]
    assert said[0].startswith("a trial  epoch 1/3  loss ")
    assert not found.model.training
    longer = Loop(make(steps=7), keeper(tmp_path / "longer")).run()
    assert longer.records[-1]["step"] == 8  # whole epochs
    with pytest.raises(UsageError, match="0 training images"):
        Loop(make(images=0), keeper(tmp_path))


@pytest.mark.parametrize("after", range(1, 7))
def test_a_signal_after_any_step_changes_nothing(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Loop(make(), keeper(tmp_path / "whole")).run()
    taken: list[int] = []
    real = Loop._take_step

    def take(run: Loop[Net, Tensor], passes: list[Part], made: Iterator[Tensor]) -> None:
        real(run, passes, made)
        taken.append(run.step)
        if len(taken) == after:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Loop, "_take_step", take)
    with StopSignals() as stop, pytest.raises(Interrupted):
        Loop(make(stop=stop), keeper(tmp_path / "parts")).run()
    parts = Loop(make(), keeper(tmp_path / "parts")).run()
    assert taken == list(range(1, 7))  # no step is taken twice
    assert same(parts, whole)


@pytest.mark.parametrize("at", [1, 3])
def test_a_judge_that_is_interrupted_costs_no_epoch(at: int, tmp_path: Path) -> None:
    whole = Loop(make(), keeper(tmp_path / "whole")).run()
    asked: list[bool] = []

    def judge(_: Net, last: bool) -> dict[str, float]:
        asked.append(last)
        if len(asked) == at:
            signal.raise_signal(signal.SIGTERM)
        return {"judged": float(last)}

    with StopSignals() as stop, pytest.raises(Interrupted):
        Loop(make(stop=stop, judge=judge), keeper(tmp_path / "parts")).run()
    steps = make(judge=judge)
    parts = Loop(steps, keeper(tmp_path / "parts")).run()
    assert len(asked) == 4
    assert same(parts, whole)


def test_a_kill_costs_no_more_than_the_epoch(tmp_path: Path) -> None:
    whole = Loop(make(), keeper(tmp_path / "whole")).run()

    def judge(_: Net, last: bool) -> dict[str, float]:
        if last:
            raise KeyboardInterrupt  # as abrupt as a kill: nothing is written behind it
        return {"judged": float(last)}

    with pytest.raises(KeyboardInterrupt):
        Loop(make(judge=judge), keeper(tmp_path / "parts")).run()
    assert same(Loop(make(), keeper(tmp_path / "parts")).run(), whole)


def test_a_loss_that_is_no_number_ends_the_trial(tmp_path: Path) -> None:
    training = make(loss=lambda model, batch, _part: model(batch).sum() * float("nan"))
    assert Loop(training, keeper(tmp_path)).run().lost == 1
