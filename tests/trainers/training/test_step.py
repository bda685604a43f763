"""A step against torch's own, what ends a run, and two processes as one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from maskgen.errors import MaskgenError
from maskgen.loaders.batch import Batch
from maskgen.trainers.data.batch import to_device
from maskgen.trainers.data.shards import open_data, open_loader
from maskgen.trainers.presets import PRESETS, Preset, find_preset, with_overrides
from maskgen.trainers.run import train
from maskgen.trainers.settings import Settings
from maskgen.trainers.training import checkpoint
from maskgen.trainers.training.log import read
from maskgen.trainers.training.step import Training, prepare, seed_step, slice_rows, train_step

CPU = torch.device("cpu")
SIMSIAM = replace(find_preset("simsiam", "smoke"), batch_size=8)


def settings(shards: Path, **values: Any) -> Settings:
    return Settings(data=str(shards), output=shards / "unused", loader="torch", **values)


def training(preset: Preset, how: Settings, steps: int = 4) -> Training:
    return prepare(preset, how, CPU, steps_per_epoch=steps, classes=3)


def batch_of(shards: Path, preset: Preset) -> Batch:
    how = settings(shards)
    loader = open_loader(open_data(how), preset, how, rank=0, world=1)
    batch = next(iter(loader))
    loader.close()
    return batch


def weights(made: Training) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in made.method.parameters()])


@pytest.mark.slow
def test_a_step_is_torchs_own(shards: Path) -> None:
    """The same step written out: zero, forward, backward, SGD at the schedule's rate."""
    batch = batch_of(shards, SIMSIAM)
    ours, peer = (training(SIMSIAM, settings(shards)) for _ in range(2))
    ours.step = peer.step = 2
    train_step(ours, batch)
    peer.method(to_device(batch), peer.progress).loss.backward()
    fixed = {id(p) for p in peer.method.fixed_lr_parameters()}
    with torch.no_grad():
        for p in peer.method.parameters():
            rate = peer.rate.peak if id(p) in fixed else peer.rate.at(2)
            assert p.grad is not None
            p.sub_(rate * (p.grad + SIMSIAM.weight_decay * p))
    torch.testing.assert_close(weights(ours), weights(peer))
    assert ours.step == 3


def test_accumulated_parts_have_the_mean_gradient_of_their_losses(shards: Path) -> None:
    batch = batch_of(shards, SIMSIAM)
    ours, peer = training(SIMSIAM, settings(shards, accumulate=4)), training(SIMSIAM, settings(shards))
    output = train_step(ours, batch)
    views = to_device(batch)
    losses = [
        peer.method(slice_rows(views, start, start + 2), peer.progress).loss for start in range(0, 8, 2)
    ]
    torch.stack(losses).mean().backward()
    assert float(output.loss) == pytest.approx(float(torch.stack(losses).mean().detach()))
    for mine, theirs in zip(ours.method.parameters(), peer.method.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_clipping_bounds_the_whole_gradient(shards: Path) -> None:
    preset = replace(SIMSIAM, clip_norm=1e-3)
    made = training(preset, settings(shards))
    train_step(made, batch_of(shards, preset))
    total = torch.cat([p.grad.flatten() for p in made.method.parameters() if p.grad is not None]).norm()
    assert float(total) == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.slow
def test_a_step_that_overflows_in_fp16_is_given_up(shards: Path) -> None:
    preset = replace(find_preset("byol", "smoke"), batch_size=8)
    made = training(preset, settings(shards, precision="fp16"))
    batch = batch_of(shards, preset)
    made.scaler.load_state_dict({**made.scaler.state_dict(), "scale": 2.0**127})  # any gradient overflows
    before, target = weights(made), made.method.state_dict()["target.0.conv1.weight"].clone()
    train_step(made, batch)
    assert torch.equal(weights(made), before)
    assert torch.equal(made.method.state_dict()["target.0.conv1.weight"], target)
    assert made.step == 1
    made.check()  # a given-up step is no error
    made.scaler.load_state_dict({**made.scaler.state_dict(), "scale": 1024.0})
    train_step(made, batch)
    assert not torch.equal(weights(made), before)


def test_a_loss_that_is_no_number_ends_the_run_before_anything_is_saved(shards: Path, tmp_path: Path) -> None:
    preset = with_overrides(
        find_preset("mocov2", "smoke"), {"batch_size": "9", "lr": "1e11", "bn_groups": "1"}
    )
    how = Settings(data=str(shards), output=tmp_path / "run", loader="torch", log_every=1)
    with pytest.raises(MaskgenError, match="infinite or no number") as caught:
        train(preset, how, say=lambda _: None, echo=lambda _: None)
    assert caught.value.exit_code == 1
    assert checkpoint.steps(tmp_path / "run" / "checkpoints") == []


def test_weights_ruined_by_the_last_step_are_not_saved(shards: Path) -> None:
    made = training(SIMSIAM, settings(shards))
    train_step(made, batch_of(shards, SIMSIAM))
    made.check(weights=True)
    running = next(b for name, b in made.method.named_buffers() if name.endswith("running_mean"))
    running[0] = torch.nan
    with pytest.raises(MaskgenError, match="weights became infinite"):
        made.check(weights=True)
    running[0] = 0.0
    made.check(weights=True)
    next(made.method.parameters()).data[0, 0] = torch.inf
    made.check()
    with pytest.raises(MaskgenError, match="weights became infinite"):
        made.check(weights=True)


@pytest.mark.slow
@pytest.mark.parametrize("often", [{}, {"save_every": 1}, {"log_every": 1}])
def test_features_that_are_no_numbers_end_the_run_before_anything_is_saved(
    often: dict[str, Any], shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A negative running variance: weights, buffers and the loss are finite, the features that evaluation
    uses not.
    """

    def poisoned(*given: Any, **named: Any) -> Training:
        made = prepare(*given, **named)
        next(b for name, b in made.method.named_buffers() if name.endswith("running_var")).fill_(-1e9)
        return made

    monkeypatch.setattr("maskgen.trainers.run.prepare", poisoned)
    how = Settings(data=str(shards), output=tmp_path / "run", loader="torch", **often)
    with pytest.raises(MaskgenError, match="the features became infinite or no number") as caught:
        train(replace(SIMSIAM, epochs=1), how, say=lambda _: None, echo=lambda _: None)
    assert caught.value.exit_code == 1
    assert "nothing was saved at this step" in str(caught.value)
    assert checkpoint.steps(tmp_path / "run" / "checkpoints") == []


@pytest.mark.slow
def test_a_batch_of_one_has_no_spread_to_warn_about(shards: Path, tmp_path: Path) -> None:
    preset = with_overrides(
        find_preset("mocov2", "smoke"), {"batch_size": "1", "epochs": "1", "bn_groups": "1"}
    )
    said: list[str] = []
    how = Settings(data=str(shards), output=tmp_path / "run", loader="torch", log_every=10)
    train(preset, how, say=said.append, echo=lambda _: None)
    assert said == []
    records = [record for record in read(tmp_path / "run" / "metrics.jsonl") if "loss" in record]
    assert len(records) == 6
    assert not any("feature_std" in record for record in records)


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(PRESETS))
def test_channels_last_computes_the_same(method: str, shards: Path) -> None:
    preset = replace(PRESETS[method]["smoke"], batch_size=12)
    plain, last = training(preset, settings(shards)), training(preset, settings(shards, channels_last=True))
    batch = batch_of(shards, preset)
    losses = [float(train_step(made, batch).loss) for made in (plain, last)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4, abs=1e-5)


def test_steps_draw_by_seed_step_and_rank() -> None:
    def draw(*place: int) -> float:
        seed_step(*place)
        return float(torch.rand(()))

    places = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, 1), (1, 1, 1)]
    assert len({draw(*place) for place in places}) == 5
    assert draw(3, 7, 1) == draw(3, 7, 1)


@pytest.mark.slow
def test_a_run_learns_to_tell_its_photos_apart(shards: Path, tmp_path: Path) -> None:
    preset = with_overrides(find_preset("supervised", "smoke"), {"batch_size": "18", "epochs": "8"})
    how = Settings(data=str(shards), output=tmp_path / "run", loader="torch", log_every=1, knn_every=4)
    train(preset, how, say=lambda _: None, echo=lambda _: None)
    records = read(tmp_path / "run" / "metrics.jsonl")
    losses = [record["loss"] for record in records if "loss" in record]
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    knn = [(record["epoch"], record["knn"]) for record in records if "knn" in record]
    assert [epoch for epoch, _ in knn] == [4, 8]
    assert knn[-1][1] > 0.6  # of three classes
    assert (tmp_path / "run" / "backbone.safetensors").exists()


@pytest.mark.slow
def test_two_processes_of_torchrun_have_the_losses_of_one(shards: Path, tmp_path: Path) -> None:
    """The loader's rank layout, MoCo's shuffle over ranks, the gathered queue and DDP, on gloo."""
    changes = {"batch_size": "18", "epochs": "2", "queue": "54", "bn_groups": "2"}
    how = Settings(data=str(shards), output=tmp_path / "one", loader="torch", log_every=1)
    train(
        with_overrides(find_preset("mocov2", "smoke"), changes), how, say=lambda _: None, echo=lambda _: None
    )
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    options = ["--preset", "smoke", "--data", str(shards), "--loader", "torch", "--log-every", "1"]
    values = [f"--set={name}={value}" for name, value in changes.items()]
    command = [
        *launch,
        "-m",
        "maskgen.trainers",
        "mocov2",
        *options,
        *values,
        "--output",
        str(tmp_path / "two"),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    one, two = (
        [record["loss"] for record in read(tmp_path / name / "metrics.jsonl") if "loss" in record]
        for name in ("one", "two")
    )
    assert len(one) == 6
    assert two == pytest.approx(one, rel=1e-4)
    ends = [checkpoint.newest(tmp_path / name / "checkpoints", pytest.fail) for name in ("one", "two")]
    rows = [found[1]["method"]["moco.queue.rows"] for found in ends if found]
    torch.testing.assert_close(rows[0], rows[1], rtol=1e-3, atol=1e-4)
