"""Whole runs with the real network in a process of its own, and its death."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.config.run_config import make_config
from maskgen.pipelines.running import run

WEIGHTS = "weights/u2netp/u2netp_from_fp16.pth"


@pytest.fixture(scope="module")
def source(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 photos of several sizes and one that is no image."""
    folder = tmp_path_factory.mktemp("photos")
    for path in sorted((shared_data / "ecssd" / "images").glob("*.jpg"))[:10]:
        shutil.copy(path, folder / path.name)
    (folder / "0135x.jpg").write_bytes(b"no image")
    return folder


def options(shared_data: Path, source: Path, output: Path, mode: str) -> dict[str, object]:
    return {
        "dataset": "folder",
        "input": str(source),
        "output": str(output),
        "method": "u2netp",
        "weights": str(shared_data / WEIGHTS),
        "model_process": mode,
        "batch_size": 4,  # a call has so many photos, with zeros where too few wait
        "shard_size": 4,
        "workers": 2,
        "max_failures": "10",
    }


def masks(folder: Path) -> dict[str, NDArray[np.uint8]]:
    found = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                if member.name.endswith(".mask.png"):
                    data = np.frombuffer(tar.extractfile(member).read(), np.uint8)  # type: ignore[union-attr]
                    found[member.name] = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    return found


def tar_hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.tar"))}


@pytest.fixture(scope="module")
def served(shared_data: Path, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("served") / "shards"
    outcome = run(make_config(options(shared_data, source, output, "on")))
    assert (outcome.manifest.samples, outcome.manifest.failed) == (10, 1)
    assert set(outcome.progress.device_use) == {"cpu"}
    assert 0 < outcome.progress.device_use["cpu"] <= 1
    return output


@pytest.mark.slow
def test_the_masks_are_those_of_a_network_in_every_worker(
    shared_data: Path, source: Path, served: Path, tmp_path: Path
) -> None:
    run(make_config(options(shared_data, source, tmp_path / "shards", "off")))
    inline, remote = masks(tmp_path / "shards"), masks(served)
    assert list(inline) == list(remote)
    for key, mask in inline.items():
        assert np.abs(mask.astype(int) - remote[key].astype(int)).max() <= 1, key


@pytest.mark.slow
def test_the_death_of_the_model_process_ends_the_run_and_a_second_one_gives_the_same_bytes(
    shared_data: Path, source: Path, served: Path, tmp_path: Path
) -> None:
    output = tmp_path / "shards"
    given = options(shared_data, source, output, "on")
    arguments = [
        part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))
    ]
    command = [sys.executable, "-m", "maskgen.cli", "run", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    victim = model_process_of(process.pid)
    os.kill(victim, signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 3, said
    assert "network" in said
    assert "Traceback" not in said
    again = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=250, check=False)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["samples"] == 10
    assert tar_hashes(output) == tar_hashes(served)


def model_process_of(parent: int) -> int:
    """The child that has loaded a library that runs networks."""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            loaded = Path(f"/proc/{child}/maps").read_text()
            if "libtorch_cpu" in loaded or "libopenvino_intel_cpu" in loaded:
                return int(child)
        time.sleep(0.1)
    raise AssertionError("no model process appeared")
