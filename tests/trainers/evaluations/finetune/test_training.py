"""Steps against torch's own, passes as one batch, interruptions that leave no trace, two ranks."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from maskgen.errors import Interrupted
from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.images import open_images
from maskgen.trainers.distributed.ranks import step_generator
from maskgen.trainers.evaluations.finetune.model import Tuned, new_model
from maskgen.trainers.evaluations.finetune.protocols import Trial, find_tuning_protocol
from maskgen.trainers.evaluations.finetune.training import Task, judge, tune
from maskgen.trainers.evaluations.tuning.loop import STREAM, Loop, Outcome
from maskgen.trainers.heads.resume import Keeper
from maskgen.trainers.probes.setup import ProbeConfig, ProbeSetup

pytestmark = pytest.mark.slow  # its photos are
PROTOCOL = find_tuning_protocol("relicv2-10", batch_size=16, weight_decay=1e-3, layer_decay=0.8)
TRIAL = Trial(0.05, 0.1, 3)


def make_task(photos: Path, *, per_pass: int = 64, norms: bool = True, **values: Any) -> Task:
    config = ProbeConfig(
        checkpoint="random",
        backbone="tiny",
        data=photos,
        test=None,
        output=photos,
        device=torch.device("cpu"),
        side=32,
        batch_size=per_pass,
    )
    setup = ProbeSetup.open(config)
    if not norms:
        for module in setup.encoder.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.forward = lambda maps: maps  # type: ignore[method-assign]
    images = open_images(photos)
    given: dict[str, Any] = {"protocol": PROTOCOL, "say": lambda _: None, **values}
    return Task(setup=setup, train=images, judge=images, classes=3, **given)


def keeper(folder: Path) -> Keeper:
    return Keeper(folder, {"question": 1}, lambda _: None, "tuned")


def state(outcome: Outcome[Tuned]) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in outcome.model.state_dict().items()}


def same(first: Outcome[Tuned], second: Outcome[Tuned]) -> bool:
    one, two = state(first), state(second)
    return first.records == second.records and all(torch.equal(one[name], two[name]) for name in one)


def test_with_a_rate_of_zero_the_backbone_stays_as_it_is(photo_folder: Path, tmp_path: Path) -> None:
    """To the last bit, with BatchNorm's statistics; the classifier's steps are torch's on its features."""
    task = make_task(photo_folder)
    found = tune(task, Trial(0.0, 0.1, 1), keeper(tmp_path))
    before = new_model(task.setup, 3)
    for name, value in before.backbone.state_dict().items():
        assert torch.equal(found.model.backbone.state_dict()[name], value), name
    model = before.eval()
    optimizer = torch.optim.SGD(
        model.head.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3
    )
    transform = task.setup.transform(0)
    order = torch.randperm(54, generator=step_generator(0, STREAM, seed=0))
    for rows in torch.split(order[:48], 16):
        pictures = [torch.from_numpy(transform.input(task.train.read(n), n).copy()) for n in rows.tolist()]
        with torch.no_grad():
            inputs = task.setup.encoder.normalize(torch.stack(pictures).permute(0, 3, 1, 2).contiguous())
            features = model.backbone(inputs)
        optimizer.zero_grad()
        loss = functional.cross_entropy(model.head(features), torch.from_numpy(task.train.labels)[rows])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    torch.testing.assert_close(found.model.head.weight, model.head.weight, rtol=1e-4, atol=1e-5)


def test_steps_are_torchs_own(photo_folder: Path, tmp_path: Path) -> None:
    """One epoch of three steps, written out: a fresh optimizer with a group a layer."""
    task = make_task(photo_folder)
    found = tune(task, replace(TRIAL, epochs=1), keeper(tmp_path))
    model = new_model(task.setup, 3).train()
    net = model.backbone
    scales = [0.8**4, 0.8**3, 0.8**2, 0.8]
    layers = [[*net.conv1.parameters(), *net.bn1.parameters()]]
    layers += [list(getattr(net, f"layer{n}").parameters()) for n in (1, 2, 3)]
    groups = [{"params": one, "lr": 0.05 * scale} for one, scale in zip(layers, scales, strict=True)]
    groups.append({"params": list(model.head.parameters()), "lr": 0.1})
    optimizer = torch.optim.SGD(groups, lr=1, momentum=0.9, nesterov=True, weight_decay=1e-3)
    transform = task.setup.transform(0)
    order = torch.randperm(54, generator=step_generator(0, STREAM, seed=0))
    for rows in torch.split(order[:48], 16):
        pictures = [torch.from_numpy(transform.input(task.train.read(n), n).copy()) for n in rows.tolist()]
        inputs = task.setup.encoder.normalize(torch.stack(pictures).permute(0, 3, 1, 2).contiguous())
        loss = functional.cross_entropy(model(inputs), torch.from_numpy(task.train.labels)[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(found.model.state_dict()[name], value, rtol=1e-4, atol=1e-5)
    assert found.records[0]["step"] == 3
    assert judge(task, found.model) == {
        name: found.records[0][name] for name in ("top1", "top5", "per_class")
    }


def test_passes_of_a_step_are_one_batch_but_for_batchnorm(photo_folder: Path, tmp_path: Path) -> None:
    trial = Trial(0.001, 0.1, 1)
    whole = tune(make_task(photo_folder, norms=False), trial, keeper(tmp_path / "a"))
    parts = tune(make_task(photo_folder, norms=False, per_pass=5), trial, keeper(tmp_path / "b"))
    for name, value in state(whole).items():
        torch.testing.assert_close(state(parts)[name], value, rtol=1e-4, atol=1e-6)
    assert not same(
        tune(make_task(photo_folder), trial, keeper(tmp_path / "c")),
        tune(make_task(photo_folder, per_pass=5), trial, keeper(tmp_path / "d")),
    )


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_signal_after_any_step_changes_nothing(
    after: int, photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three steps an epoch: within the first, at its end, within the second."""
    whole = tune(make_task(photo_folder), TRIAL, keeper(tmp_path / "whole"))
    taken = []
    real: Callable[..., None] = Loop._take_step

    def take(run: Any, *args: Any) -> None:
        real(run, *args)
        taken.append(run.step)
        if len(taken) == after:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Loop, "_take_step", take)
    with StopSignals() as stop, pytest.raises(Interrupted):
        tune(make_task(photo_folder, stop=stop), TRIAL, keeper(tmp_path / "parts"))
    assert stop.patience == 0
    parts = tune(make_task(photo_folder), TRIAL, keeper(tmp_path / "parts"))
    assert taken == list(range(1, 10))  # no step is taken twice
    assert same(parts, whole)


def test_a_kill_costs_no_more_than_the_epoch(photo_folder: Path, tmp_path: Path) -> None:
    whole = tune(make_task(photo_folder), TRIAL, keeper(tmp_path / "whole"))
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 2:
            raise KeyboardInterrupt  # as abrupt as a kill: nothing is written behind it

    with pytest.raises(KeyboardInterrupt):
        tune(make_task(photo_folder, say=say), TRIAL, keeper(tmp_path / "parts"))
    (newest,) = (tmp_path / "parts" / "tuned").glob("*/step-000000006.pt")
    newest.write_bytes(newest.read_bytes()[:-50])  # torn
    assert same(tune(make_task(photo_folder), TRIAL, keeper(tmp_path / "parts")), whole)


def test_a_loss_that_is_no_number_ends_the_trial(photo_folder: Path, tmp_path: Path) -> None:
    found = tune(make_task(photo_folder), Trial(1e30, 1e30, 2), keeper(tmp_path))
    assert found.lost in (1, 2, 3)
