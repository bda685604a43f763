"""Runs from and to an object store, killed at any moment: no half or lost shard, the bytes of a folder."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faulty_store import FaultyStore
from photos import make_photos

from maskgen.shards import naming
from maskgen.shards.record import parse

pytestmark = [pytest.mark.faults, pytest.mark.slow]

SEED = 20261129
PREFIX = "shards/"


def start(photos: Path | str, output: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "maskgen.cli", "run", "--dataset", "folder", "--input", str(photos)]
    command += ["--output", output, "--method", "box", "--background", "none", "--shard-size", "3"]
    command += ["--max-failures", "100%", "--workers", "2"]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)


def stored(store: FaultyStore) -> dict[str, bytes]:
    objects = dict(store.objects)
    found = {key.removeprefix(PREFIX): objects[key] for key in objects if key.startswith(PREFIX)}
    return {name: data for name, data in found.items() if not name.startswith("logs/")}


def half_shards(found: dict[str, bytes], whole: dict[str, bytes]) -> list[str]:
    """Records whose files are not all there, and files that are not those of an undisturbed run."""
    wrong = [name for name in found if name != naming.MANIFEST and found[name] != whole[name]]
    for name, data in found.items():
        if name.startswith("records/"):
            record = parse(data, name.partition("/")[2])
            wrong += [f"{name} {s}" for s in record.files if f"{record.name}.{s}" not in found]
    return wrong


@pytest.mark.timeout(7200)
def test_a_run_that_is_killed_at_any_moment_ends_in_the_bytes_of_a_folder(
    faulty_store: FaultyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_faults: bool
) -> None:
    monkeypatch.setenv("MASKGEN_STORE_RETRY_S", "30")
    monkeypatch.setenv("MASKGEN_STORE_TIMEOUT_S", "20")
    photos = make_photos(tmp_path / "photos")
    began = time.monotonic()
    process = start(photos, str(tmp_path / "local"))
    process.communicate()
    assert process.returncode == 0
    lasted = time.monotonic() - began
    local = tmp_path / "local"
    whole = {one.relative_to(local).as_posix(): one.read_bytes() for one in local.rglob("*") if one.is_file()}
    del whole[naming.LOG]
    rng = random.Random(SEED)
    for number in range(50 if full_faults else 2):
        faulty_store.objects.clear()
        faulty_store.upload(photos, "photos")
        faulty_store.faults = [("GET", "a03.jpg", "cut"), ("GET", "a05.jpg", "503"), ("PUT", "1.tar", "409")]
        process = start("s3://bucket/photos", "s3://bucket/shards")
        time.sleep(rng.uniform(0.4, 1.1) * lasted)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not half_shards(stored(faulty_store), whole), f"kill {number}, seed {SEED}"
        process = start("s3://bucket/photos", "s3://bucket/shards")
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()
        assert stored(faulty_store) == whole, f"kill {number}, seed {SEED}"
