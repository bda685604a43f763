"""Kills, signals, races: whatever happens, running again ends with the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from photos import hashes, make_photos
from processes import nobody_left, wait_until_it_listens

pytestmark = pytest.mark.faults

Start = Callable[..., "subprocess.Popen[bytes]"]
SEED = 20261121


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("source") / "photos")


@pytest.fixture(scope="module")
def start(photos: Path) -> Start:
    """Start `maskgen run` in its own process group."""

    def run(output: Path, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "maskgen.cli", "run", "--dataset", "folder", "--input", str(photos)]
        command += ["--output", str(output), "--method", "box", "--shard-size", "3", "--max-failures", "100%"]
        return subprocess.Popen(
            [*command, *(options or ("--workers", "2"))], start_new_session=True, stderr=subprocess.PIPE
        )

    return run


@pytest.fixture(scope="module")
def undisturbed(start: Start, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    """The hashes of a run that nobody disturbed, and the seconds it took."""
    output = tmp_path_factory.mktemp("undisturbed") / "shards"
    started = time.monotonic()
    assert status(start(output, "--workers", "1")) == 0
    return hashes(output), time.monotonic() - started


def status(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end."""
    process.communicate()
    return process.returncode


def finish(start: Start, output: Path) -> dict[str, str]:
    process = start(output)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    return hashes(output)


def no_truncated_file(output: Path) -> None:
    """Under a final name there is either nothing or a whole archive."""
    from maskgen.shards.tar import read_members

    for path in output.glob("*.tar"):
        read_members(path)


@pytest.mark.slow
def test_kill_9_at_random_times_then_resume(
    start: Start, undisturbed: tuple[dict[str, str], float], tmp_path: Path, full_faults: bool
) -> None:
    want, seconds = undisturbed
    draw = random.Random(SEED)
    for number in range(200 if full_faults else 5):
        output = tmp_path / str(number)
        process = start(output)
        time.sleep(draw.uniform(0.1, 1.1) * seconds)
        os.killpg(process.pid, signal.SIGKILL)
        status(process)
        no_truncated_file(output)
        assert finish(start, output) == want, f"kill {number}, seed {SEED}"


@pytest.mark.slow
def test_a_chain_of_kills_ends_with_the_same_bytes(
    start: Start, undisturbed: tuple[dict[str, str], float], tmp_path: Path, full_faults: bool
) -> None:
    want, seconds = undisturbed
    draw = random.Random(SEED + 1)
    output = tmp_path / "shards"
    kills, done = 0, 0
    for number in range(50 if full_faults else 5):
        process = start(output)
        wait_until_it_listens(process.pid)  # so the first kill comes before any worker has started
        time.sleep(draw.uniform(0.3, 0.8) * seconds if number else 0)
        os.killpg(process.pid, signal.SIGKILL)
        status(process)
        kills += process.returncode == -signal.SIGKILL
        records = len(list((output / "records").glob("*.json"))) if output.exists() else 0
        assert records >= done, "a committed shard is gone"
        done = records
    assert kills
    assert finish(start, output) == want


@pytest.mark.slow
def test_sigterm_stops_within_20_seconds_and_leaves_nothing_behind(
    start: Start, undisturbed: tuple[dict[str, str], float], tmp_path: Path, full_faults: bool
) -> None:
    want, seconds = undisturbed
    draw = random.Random(SEED + 2)
    shm = set(Path("/dev/shm").iterdir())
    stopped = 0
    for number in range(50 if full_faults else 4):
        output = tmp_path / str(number)
        process = start(output)
        wait_until_it_listens(process.pid)
        time.sleep(draw.uniform(0.0, 0.8) * seconds if number else 0)
        asked, name = time.monotonic(), draw.choice([signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
        (os.killpg if number % 2 else os.kill)(process.pid, name)
        _, errors = process.communicate(timeout=30)
        if process.returncode == -name:  # it had made everything, and the interpreter was taking itself down
            assert (output / "manifest.json").exists()
            continue
        assert process.returncode in (0, 75), errors.decode()
        assert time.monotonic() - asked <= 20
        stopped += process.returncode == 75
        assert nobody_left(process.pid)
        assert not list(output.rglob("*.partial"))
        if process.returncode == 75:
            assert b"run the same command again" in errors
        assert finish(start, output) == want
    assert stopped
    assert set(Path("/dev/shm").iterdir()) <= shm


@pytest.mark.slow
def test_workers_die_with_a_killed_parent(start: Start, tmp_path: Path) -> None:
    process = start(tmp_path / "shards")
    deadline = time.monotonic() + 20
    while len(children(process.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = children(process.pid)
    assert workers
    process.kill()
    status(process)
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


@pytest.mark.slow
def test_same_bytes_for_any_number_of_workers_and_nodes(
    start: Start, undisturbed: tuple[dict[str, str], float], tmp_path: Path, full_faults: bool
) -> None:
    want, _ = undisturbed
    for workers in (2, 7, 16) if full_faults else (2, 5):
        output = tmp_path / f"w{workers}"
        assert status(start(output, "--workers", str(workers))) == 0
        assert hashes(output) == want
    nodes = [start(tmp_path / "nodes", "--workers", "1", "--task", f"{i}/4") for i in range(4)]
    assert [status(node) for node in nodes] == [0, 0, 0, 0]
    assert hashes(tmp_path / "nodes") == want


@pytest.mark.slow
def test_two_whole_runs_racing_in_one_folder(
    start: Start, undisturbed: tuple[dict[str, str], float], tmp_path: Path, full_faults: bool
) -> None:
    want, _ = undisturbed
    for number in range(20 if full_faults else 2):
        output = tmp_path / str(number)
        racers = [start(output, "--workers", "1") for _ in range(2)]
        results = [(racer.communicate()[1], racer.returncode) for racer in racers]
        assert [status for _, status in results] == [0, 0], results
        assert hashes(output) == want
