"""20 steps are 10, a kill and 10 more: bit for bit, for every method, and through the command line with real
signals.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from maskgen.errors import EXIT_INTERRUPTED
from maskgen.trainers.presets import PRESETS, with_overrides
from maskgen.trainers.run import train
from maskgen.trainers.settings import Settings
from maskgen.trainers.training import checkpoint
from maskgen.trainers.training.log import read

STEPS = 18  # three epochs of six batches of nine
SAVED, KILLED = 10, 11
SMALL = {"epochs": "3", "batch_size": "9"}
SPECIAL = {
    "swav": {"queue": "36", "prototypes": "12", "freeze_prototypes": "12"},
    "mocov2": {"recipe": "mocov2-bg-swaps", "queue": "50", "bn_groups": "3"},
    "cast": {"queue": "50", "bn_groups": "3"},
    "knn-moco": {"queue": "50", "bn_groups": "1"},
    "relicv2": {"negatives": "4"},
    "byol": {"optimizer": "lars", "lr": "0.5", "warmup_epochs": "1"},
}


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


def die_at(step: int) -> Callable[[str], None]:
    def echo(text: str) -> None:
        if text.startswith(f"step {step} "):
            raise Killed

    return echo


def run(method: str, shards: Path, output: Path, echo: Callable[[str], None], **changes: Any) -> list[str]:
    preset = with_overrides(PRESETS[method]["smoke"], {**SMALL, **SPECIAL.get(method, {})})
    values: dict[str, Any] = {"loader": "torch", "log_every": 1, "save_every": SAVED, **changes}
    said: list[str] = []
    train(preset, Settings(data=str(shards), output=output, **values), say=said.append, echo=echo)
    return said


def last(output: Path) -> dict[str, Any]:
    found = checkpoint.newest(output / "checkpoints", pytest.fail)
    assert found is not None
    return found[1]


def assert_equal(one: Any, other: Any, where: str = "") -> None:
    """Every tensor bit for bit, everything else equal."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for name, value in one.items():
            assert_equal(value, other[name], f"{where}/{name}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_equal(a, b, f"{where}/{number}")
    else:
        assert torch.equal(one, other) if isinstance(one, Tensor) else one == other, where


def losses(output: Path) -> list[tuple[int, float]]:
    return [(record["step"], record["loss"]) for record in read(output / "metrics.jsonl") if "loss" in record]


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(PRESETS))
def test_a_killed_run_goes_on_bit_for_bit(method: str, shards: Path, tmp_path: Path) -> None:
    run(method, shards, tmp_path / "whole", lambda _: None)
    with pytest.raises(Killed):
        run(method, shards, tmp_path / "killed", die_at(KILLED))
    assert last(tmp_path / "killed")["schedule"]["step"] == SAVED
    said = run(method, shards, tmp_path / "killed", lambda _: None)
    assert said == [f"train-ssl: going on from step {SAVED} of {STEPS}"]
    assert_equal(last(tmp_path / "whole"), last(tmp_path / "killed"))
    assert losses(tmp_path / "whole") == losses(tmp_path / "killed")
    assert [step for step, _ in losses(tmp_path / "whole")] == list(range(1, STEPS + 1))


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"loader": "dali"}, {"accumulate": 3}, {"precision": "bf16"}])
def test_so_it_does_in_other_settings(changes: dict[str, Any], shards: Path, tmp_path: Path) -> None:
    pytest.importorskip("nvidia.dali")
    run("mocov2", shards, tmp_path / "whole", lambda _: None, **changes)
    with pytest.raises(Killed):
        run("mocov2", shards, tmp_path / "killed", die_at(KILLED), **changes)
    run("mocov2", shards, tmp_path / "killed", lambda _: None, **changes)
    assert_equal(last(tmp_path / "whole"), last(tmp_path / "killed"))


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"accumulate": 3, "joint_loss": True, "recompute": "blocks"}])
@pytest.mark.parametrize("method", ["relicv2", "simclr"])
def test_so_it_does_with_a_joint_loss(
    method: str, changes: dict[str, Any], shards: Path, tmp_path: Path
) -> None:
    run(method, shards, tmp_path / "whole", lambda _: None, **changes)
    with pytest.raises(Killed):
        run(method, shards, tmp_path / "killed", die_at(KILLED), **changes)
    said = run(method, shards, tmp_path / "killed", lambda _: None, **changes)
    assert "BatchNorm's statistics in the backbone are those of a part of the batch, of 3" in said[-2]
    assert_equal(last(tmp_path / "whole"), last(tmp_path / "killed"))


@pytest.mark.slow
def test_a_run_goes_on_in_less_memory_as_the_same_run(shards: Path, tmp_path: Path) -> None:
    """What is computed again decides nothing, and so is no part of a run's configuration."""
    run("relicv2", shards, tmp_path / "whole", lambda _: None)
    with pytest.raises(Killed):
        run("relicv2", shards, tmp_path / "killed", die_at(KILLED))
    run("relicv2", shards, tmp_path / "killed", lambda _: None, recompute="both")
    assert_equal(last(tmp_path / "whole"), last(tmp_path / "killed"))


@pytest.mark.slow
def test_a_torn_newest_checkpoint_costs_steps_and_not_the_result(shards: Path, tmp_path: Path) -> None:
    """A torn one, then one that is whole and of another network, then one of another run."""
    run("simsiam", shards, tmp_path / "whole", lambda _: None)
    with pytest.raises(Killed):
        run("simsiam", shards, tmp_path / "killed", die_at(KILLED))
    folder = tmp_path / "killed" / "checkpoints"
    newest = checkpoint.path_of(folder, SAVED)
    newest.write_bytes(newest.read_bytes()[:5000])
    before = checkpoint.load(checkpoint.path_of(folder, 6))
    weights = {name: value for name, value in before["method"].items() if "predictor" not in name}
    checkpoint.save(folder, 11, {**before, "method": weights}, keep=3)
    checkpoint.save(folder, 12, {**before, "config": {**before["config"], "seed": 1}}, keep=4)
    said = run("simsiam", shards, tmp_path / "killed", lambda _: None)
    assert ["a checkpoint is damaged" in line for line in said] == [True] * 3 + [False]
    assert "its configuration is not this one's" in said[0]
    assert "Missing key" in said[1] or "Error(s) in loading" in said[1]
    assert said[3:] == [f"train-ssl: going on from step 6 of {STEPS}"]
    assert_equal(last(tmp_path / "whole"), last(tmp_path / "killed"))


@pytest.mark.slow
def test_epochs_that_are_not_the_data_sets_go_on_bit_for_bit(shards: Path, tmp_path: Path) -> None:
    """Epochs of 24 images, 2.67 steps, over passes of six; the run ends within its second pass."""
    changes = {"batch_size": "9", "epoch_images": "24", "epochs": "3"}
    preset = with_overrides(PRESETS["simsiam"]["smoke"], changes)

    def go(output: Path, echo: Callable[[str], None]) -> None:
        settings = Settings(data=str(shards), output=output, loader="torch", log_every=1)
        train(preset, settings, say=lambda _: None, echo=echo)

    go(tmp_path / "whole", lambda _: None)
    with pytest.raises(Killed):
        go(tmp_path / "killed", die_at(8))
    assert checkpoint.steps(tmp_path / "killed" / "checkpoints") == [3, 6]
    go(tmp_path / "killed", lambda _: None)
    assert checkpoint.steps(tmp_path / "whole" / "checkpoints") == [6, 8]
    assert_equal(last(tmp_path / "whole"), last(tmp_path / "killed"))
    assert last(tmp_path / "whole")["loader"]["epoch"] == 1
    assert [step for step, _ in losses(tmp_path / "killed")] == list(range(1, 9))


def started(shards: Path, output: Path) -> subprocess.Popen[str]:
    changes = {**SMALL, **SPECIAL["mocov2"]}
    options = [f"--set={name}={value}" for name, value in changes.items()]
    command = [
        sys.executable,
        "-u",
        "-W",
        "error",
        "-m",
        "maskgen.trainers",
        "mocov2",
        "--preset",
        "smoke",
        *options,
    ]
    places = ["--data", str(shards), "--output", str(output), "--loader", "torch"]
    every = ["--log-every", "1", "--save-every", "5"]
    return subprocess.Popen(
        [*command, *places, *every],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def stop_at(process: subprocess.Popen[str], step: int, sign: signal.Signals) -> int:
    """Send the signal when the step's line appears; the exit status."""
    assert process.stdout is not None
    for text in process.stdout:
        if text.startswith(f"step {step} "):
            process.send_signal(sign)
            break
    process.communicate(timeout=60)
    return process.returncode


@pytest.mark.slow
@pytest.mark.faults
def test_a_signal_while_it_is_starting_ends_it_with_75(shards: Path, tmp_path: Path) -> None:
    """Sent as soon as the process catches SIGUSR1: torch is not imported yet."""
    process = started(shards, tmp_path / "run")
    wanted = 1 << (signal.SIGUSR1 - 1)
    for _ in range(10_000):
        caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())
        if caught and int(caught[1], 16) & wanted:
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == EXIT_INTERRUPTED, err
    assert "stopped by a signal" in err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.faults
def test_a_terminated_and_a_killed_process_end_like_an_undisturbed_one(shards: Path, tmp_path: Path) -> None:
    run("mocov2", shards, tmp_path / "whole", lambda _: None)
    output = tmp_path / "disturbed"
    assert stop_at(started(shards, output), 3, signal.SIGTERM) == EXIT_INTERRUPTED
    saved = checkpoint.steps(output / "checkpoints")
    assert saved[-1] in (3, 4)  # the step that was at work is finished
    assert stop_at(started(shards, output), 9, signal.SIGKILL) == -signal.SIGKILL
    said = run("mocov2", shards, output, lambda _: None, save_every=5)
    assert said[0].startswith("train-ssl: going on from step ")
    assert_equal(last(tmp_path / "whole"), last(output))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["simsiam", "mocov2", "supervised"])
def test_a_killed_run_on_plain_photos_goes_on_bit_for_bit(
    method: str, photo_folder: Path, tmp_path: Path
) -> None:
    """One of the photos is damaged, and counted after the kill too; what looks at the run leaves it out."""
    photos, supervised = tmp_path / "photos", method == "supervised"
    shutil.copytree(photo_folder, photos)
    (photos / "cat" / "04.png").write_bytes(b"no picture")
    changes = {"recipe": "mocov2"} if method == "mocov2" else {}
    preset = with_overrides(PRESETS[method]["smoke"], {**SMALL, **changes})

    def go(output: Path, echo: Callable[[str], None]) -> list[str]:
        values: dict[str, Any] = {"log_every": 1, "save_every": SAVED, "on_error": "skip", "knn_every": 1}
        said: list[str] = []
        settings = Settings(data=f"folder:{photos}", output=output, **values)
        train(preset, settings, say=said.append, echo=echo)
        return said

    go(tmp_path / "whole", lambda _: None)
    with pytest.raises(Killed):
        go(tmp_path / "killed", die_at(KILLED))
    assert go(tmp_path / "killed", lambda _: None) == [f"train-ssl: going on from step {SAVED} of {STEPS}"]
    assert_equal(last(tmp_path / "whole"), last(tmp_path / "killed"))
    assert losses(tmp_path / "whole") == losses(tmp_path / "killed")
    records = [one for one in read(tmp_path / "killed" / "metrics.jsonl") if "loss" in one]
    assert records[-1]["skipped"] == 1
    assert (tmp_path / "whole" / "classifier.safetensors").exists() == supervised
