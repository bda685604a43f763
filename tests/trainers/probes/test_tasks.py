"""The probes from a checkpoint to a result in a folder; two processes as one."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ranks_kit import run_ranks
from safetensors.torch import load_file

from maskgen.cli.eval_ssl import eval_cli
from maskgen.errors import Interrupted
from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.images import center_crop, open_images
from maskgen.trainers.heads.protocols import find_protocol
from maskgen.trainers.methods import METHODS
from maskgen.trainers.presets import find_preset
from maskgen.trainers.probes.setup import ProbeConfig
from maskgen.trainers.probes.tasks import run_knn, run_linear
from maskgen.trainers.settings import Settings, config_of
from maskgen.trainers.training import checkpoint


def trained(folder: Path) -> Path:
    """A checkpoint of a network that has learned nothing."""
    preset = find_preset("simsiam", "smoke")
    torch.manual_seed(0)
    method = METHODS["simsiam"](preset)
    config = config_of(preset, Settings(data="", output=folder), data="d", order="global")
    state = {"config": config, "method": method.state_dict(), "schedule": {"step": 1}}
    return checkpoint.save(folder / "run", 1, state)


def probe(photos: Path, folder: Path, **values: Any) -> ProbeConfig:
    path = trained(folder)
    given: dict[str, Any] = {"side": 32, "output": folder / "out", **values}
    return ProbeConfig(checkpoint=path, data=photos, test=None, device=torch.device("cpu"), **given)


def test_knn_leaves_one_out_and_says_what_it_depends_on(photo_folder: Path, tmp_path: Path) -> None:
    config = probe(photo_folder, tmp_path)
    result = run_knn(config, ks=[1], temperature=0.07)
    assert json.loads((tmp_path / "out" / "knn.json").read_text()) == result
    network = METHODS["simsiam"](find_preset("simsiam", "smoke"))
    network.load_state_dict(checkpoint.load(Path(config.checkpoint))["method"])
    images = open_images(photo_folder)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = np.stack([center_crop(images.read(n), 32, 1.0) / 255 for n in range(54)])
    inputs = torch.from_numpy((pixels - mean) / deviation).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        rows = network.eval().backbone(inputs).double().numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows @ rows.T - 10 * np.eye(54)
    right = Counter(images.labels[cosines.argmax(1)] == images.labels)[True]
    assert result["knn_1"] == pytest.approx(right / 54)
    assert (result["images"], result["test"], result["side"], result["step"]) == (54, "leave one out", 32, 1)


@pytest.mark.parametrize(("tested", "neighbors"), [(False, "53"), (True, "54")])
def test_a_k_that_is_larger_than_the_set_is_said(
    photo_folder: Path, tmp_path: Path, tested: bool, neighbors: str
) -> None:
    said: list[str] = []
    config = replace(probe(photo_folder, tmp_path), test=photo_folder if tested else None)
    result = run_knn(config, ks=[int(neighbors), 100, 5000], temperature=0.07, say=said.append)
    assert said == [f"eval-ssl: note: there are {neighbors} neighbors: with --k 100,5000 all of them vote"]
    assert result["knn_5000"] == result[f"knn_{neighbors}"]


def test_new_crops_are_dropped_when_their_epoch_is_over(photo_folder: Path, tmp_path: Path) -> None:
    config, said = probe(photo_folder, tmp_path), list[str]()
    protocol = find_protocol("moco", epochs=3, batch_size=13)
    result = run_linear(config, protocol, lrs=[0.1], views=0, say=said.append)
    assert [line.split()[1] for line in said] == ["1/3", "2/3", "3/3"]
    assert (result["lr"], result["images"], result["test_images"]) == (0.1, 43, 11)
    assert "chosen_by" not in result
    assert len(list((tmp_path / "out" / "features").glob("*.npy"))) == 2  # the last pass, and the test images


PENALTIES = (10.0, 0.1)


@pytest.mark.slow
def test_two_processes_find_what_one_finds(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Features, neighbors, steps and the parts of L-BFGS are shared out; the results are one process's."""
    path = trained(tmp_path)
    test = tmp_path / "odd"  # 53 photos, which do not divide
    shutil.copytree(photo_folder, test)
    (test / "cat" / "00.png").unlink()
    where = ["--checkpoint", str(path), "--data", str(photo_folder), "--test", str(test), "--side", "32"]
    linear = ["linear", *where, "--epochs", "3", "--views", "2", "--lr", "0.1,1", "--head-batch", "13"]
    tasks = {
        "knn": ["knn", *where, "--k", "3"],
        "linear": linear,
        "standard": [*linear[:-6], "--protocol", "msr-large", "--views", "-1"],
        "smooth": ["linear", *where, "--protocol", "kornblith"],
    }
    commands = [[*words, "--output", str(tmp_path / "two" / name)] for name, words in tasks.items()]
    done = run_ranks(2, commands, {"maskgen.trainers.probes.search.PENALTIES": PENALTIES})
    assert done.returncode == 0, done.stderr
    monkeypatch.setattr("maskgen.trainers.probes.search.PENALTIES", PENALTIES)
    for name, words in tasks.items():
        eval_cli.main([*words, "--output", str(tmp_path / "one" / name)], standalone_mode=False)
    assert not list((tmp_path / "two").glob("*/features/*-of-*"))
    for name in tasks:
        file = "knn" if name == "knn" else "linear"
        one, two = (json.loads((tmp_path / k / name / f"{file}.json").read_text()) for k in ("one", "two"))
        assert one == two
        if name != "knn":
            heads = [load_file(tmp_path / k / name / "linear.safetensors") for k in ("one", "two")]
            torch.testing.assert_close(heads[0]["weight"], heads[1]["weight"], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.faults
def test_a_head_that_was_killed_ends_as_if_it_was_not(photo_folder: Path, tmp_path: Path) -> None:
    """kill -9 after an epoch, then SIGTERM after a later one: the same bytes come out as undisturbed."""
    path = trained(tmp_path)
    words = [
        "linear",
        "--checkpoint",
        str(path),
        "--data",
        str(photo_folder),
        "--side",
        "32",
        "--epochs",
        "12",
    ]
    words += ["--head-batch", "6", "--lr", "0.1", "--output"]
    eval_cli.main([*words, str(tmp_path / "whole")], standalone_mode=False)
    command = [sys.executable, "-m", "maskgen.trainers", "eval", *words, str(tmp_path / "parts")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    next(line for line in process.stderr if line.startswith("epoch"))
    process.kill()
    process.communicate(timeout=200)
    assert process.returncode == -signal.SIGKILL
    told: list[str] = []

    def say(text: str) -> None:
        told.append(text)
        if len(told) == 3:
            signal.raise_signal(signal.SIGTERM)

    config = ProbeConfig(
        checkpoint=path,
        data=photo_folder,
        test=None,
        output=tmp_path / "parts",
        device=torch.device("cpu"),
        side=32,
    )
    protocol = find_protocol("moco", epochs=12, batch_size=6)
    with StopSignals(), pytest.raises(Interrupted):
        run_linear(config, protocol, lrs=[0.1], views=0, say=say)
    assert not told[0].startswith("epoch 1/")  # what was killed is gone on with
    eval_cli.main([*words, str(tmp_path / "parts")], standalone_mode=False)
    whole, parts = ((tmp_path / name / "linear.safetensors").read_bytes() for name in ("whole", "parts"))
    assert whole == parts
