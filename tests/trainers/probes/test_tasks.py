"""The probes from a checkpoint to a result in a folder; two processes as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from maskgen.trainers.methods import METHODS
from maskgen.trainers.presets import find_preset
from maskgen.trainers.probes.images import center_crop, open_images
from maskgen.trainers.probes.protocols import find_protocol
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
    network.load_state_dict(checkpoint.load(config.checkpoint)["method"])
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


def test_new_crops_are_dropped_when_their_epoch_is_over(photo_folder: Path, tmp_path: Path) -> None:
    config, said = probe(photo_folder, tmp_path), list[str]()
    protocol = find_protocol("moco", epochs=3, batch_size=13)
    result = run_linear(config, protocol, lrs=[0.1], views=0, say=said.append)
    assert [line.split()[1] for line in said] == ["1/3", "2/3", "3/3"]
    assert (result["lr"], result["images"], result["test_images"]) == (0.1, 43, 11)
    assert "chosen_by" not in result
    assert len(list((tmp_path / "out" / "features").glob("*.npy"))) == 2  # the last pass, and the test images


@pytest.mark.slow
def test_two_processes_find_what_one_finds(photo_folder: Path, tmp_path: Path) -> None:
    """Features are shared out among ranks, put together on disk, and judged by rank 0."""
    preset = find_preset("simsiam", "smoke")
    method = METHODS["simsiam"](preset)
    config = config_of(preset, Settings(data="", output=tmp_path), data="d", order="global")
    state = {"config": config, "method": method.state_dict(), "schedule": {"step": 1}}
    path = checkpoint.save(tmp_path / "run", 1, state)
    common = {
        "checkpoint": path,
        "data": photo_folder,
        "test": None,
        "device": torch.device("cpu"),
        "side": 32,
    }
    protocol = find_protocol("moco", epochs=3, batch_size=13)
    alone = ProbeConfig(output=tmp_path / "one", **common)  # type: ignore[arg-type]
    run_linear(alone, protocol, lrs=[0.1, 1.0], views=2, say=lambda _: None)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    task = [
        "-m",
        "maskgen.trainers",
        "eval",
        "linear",
        "--checkpoint",
        str(path),
        "--data",
        str(photo_folder),
    ]
    options = ["--epochs", "3", "--views", "2", "--lr", "0.1,1", "--head-batch", "13", "--side", "32"]
    command = [*launch, *task, *options, "--output", str(tmp_path / "two")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "two" / "features").glob("*-of-*"))
    results = [json.loads((tmp_path / name / "linear.json").read_text()) for name in ("one", "two")]
    assert results[0] == results[1]
    one, two = (load_file(tmp_path / name / "linear.safetensors") for name in ("one", "two"))
    torch.testing.assert_close(one["weight"], two["weight"])
