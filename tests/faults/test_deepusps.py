"""`maskgen deepusps`: kills and signals at random moments; running again ends with the same bytes."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import nobody_left, wait_until_it_listens

pytest.importorskip("torch")
pytestmark = [pytest.mark.faults, pytest.mark.slow]

Start = Callable[[Path], "subprocess.Popen[bytes]"]
SEED = 20261121


@pytest.fixture(scope="module")
def start(discs: Path) -> Start:
    """Start the `test` preset in a process group of its own."""

    def run(output: Path) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "maskgen.cli",
            "deepusps",
            "run",
            "--preset",
            "test",
            "--input",
            str(discs),
        ]
        return subprocess.Popen(
            [*command, "--output", str(output), "--threads", "1", "--workers", "2"],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    return run


@pytest.fixture(scope="module")
def undisturbed(start: Start, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    """The hashes of a training that nobody disturbed, and the seconds it took."""
    output = tmp_path_factory.mktemp("undisturbed") / "work"
    started = time.monotonic()
    return finish(start, output), time.monotonic() - started


def finish(start: Start, output: Path) -> dict[str, str]:
    process = start(output)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    return hashes(output)


def hashes(output: Path) -> dict[str, str]:
    """SHA-256 of every file, the folder's own path taken out; the log and the report hold times."""
    timed = {"log.jsonl", "report.html"}
    files = (path for path in sorted(output.rglob("*")) if path.is_file() and path.name not in timed)
    return {
        str(path.relative_to(output)): hashlib.sha256(
            path.read_bytes().replace(str(output).encode(), b"WORK")
            if path.suffix == ".json"
            else path.read_bytes()
        ).hexdigest()
        for path in files
        if path.name != "settings.json"  # sealed with the path inside
    }


def test_a_chain_of_kills_ends_with_the_same_bytes(
    start: Start, undisturbed: tuple[dict[str, str], float], tmp_path: Path, full_faults: bool
) -> None:
    want, seconds = undisturbed
    draw = random.Random(SEED)
    for chain in range(20 if full_faults else 1):
        output = tmp_path / str(chain)
        kills = 0
        for _ in range(6 if full_faults else 2):
            process = start(output)
            time.sleep(draw.uniform(0.15, 0.8) * seconds)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            kills += process.returncode == -signal.SIGKILL
        assert kills
        assert finish(start, output) == want, f"chain {chain}, seed {SEED}"


def test_single_kills_at_random_times(
    start: Start, undisturbed: tuple[dict[str, str], float], tmp_path: Path, full_faults: bool
) -> None:
    want, seconds = undisturbed
    draw = random.Random(SEED + 1)
    for number in range(60 if full_faults else 2):
        output = tmp_path / str(number)
        process = start(output)
        time.sleep(draw.uniform(0.1, 1.0) * seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert finish(start, output) == want, f"kill {number}, seed {SEED + 1}"


def test_signals_stop_it_with_75_and_leave_no_worker(
    start: Start, undisturbed: tuple[dict[str, str], float], tmp_path: Path, full_faults: bool
) -> None:
    want, _ = undisturbed
    draw = random.Random(SEED + 2)
    output = tmp_path / "work"
    stopped, steps = 0, sum(name.startswith("records/") for name in want)
    for number in range(12 if full_faults else 2):
        process = start(output)
        wait_until_it_listens(process.pid)
        done = records(output)
        wanted = min(done + draw.randint(1, 2), steps - 1)
        while process.poll() is None and records(output) < wanted:
            time.sleep(0.01)
        name = (signal.SIGTERM, signal.SIGINT)[number % 2]
        os.kill(process.pid, name)
        _, errors = process.communicate(timeout=60)
        over = (
            records(output) == steps
        )  # then the interpreter was taking itself down, and a signal may kill it
        assert process.returncode in ((0, 75, -name) if over else (75,)), errors.decode()
        stopped += process.returncode == 75
        if process.returncode == 75:
            assert b"run the same command again" in errors
        assert nobody_left(process.pid)
    assert stopped
    assert finish(start, output) == want


def records(output: Path) -> int:
    """How many steps are done."""
    return len(list((output / "records").glob("*.json")))


def test_a_full_disk_ends_it_with_3_and_it_goes_on_when_there_is_room(
    start: Start, undisturbed: tuple[dict[str, str], float], discs: Path, tmp_path: Path
) -> None:
    """A limit on file sizes stands in for the disk: checkpoints do not fit, everything smaller does."""
    want, _ = undisturbed
    output = tmp_path / "work"
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY));"
        "from maskgen.cli.app import main; main()"
    )
    options = ["deepusps", "run", "--preset", "test", "--input", str(discs), "--output", str(output)]
    done = subprocess.run(
        [sys.executable, "-c", script, *options, "--threads", "1", "--workers", "1"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr.decode()
    assert b"File too large" in done.stderr
    assert b"run the same command again" in done.stderr
    found = finish(start, output)
    changed = {name for name in want if found.get(name) != want[name]}
    assert changed <= {"deepusps.json"}, "only the command differs, that of the first attempt"
