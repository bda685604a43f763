"""Jobs in processes: as many at once as there is room for, none before what it needs, none after a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from maskgen.errors import Interrupted
from maskgen.processes.jobs import Job, JobRun, start_process, start_python
from maskgen.processes.places import Machine, Place
from maskgen.processes.signals import StopSignals


@dataclass
class Shell:
    """A job that a shell does, in a folder."""

    folder: Path
    name: str
    script: str
    needs: tuple[str, ...] = ()
    leaves: str = ""
    states: list[str] = field(default_factory=list)
    devices: int = 1

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def words(self, place: Place) -> list[str]:
        return ["bash", "-c", self.script]

    def is_complete(self) -> bool:
        return not self.leaves or (self.folder / self.leaves).exists()

    def note(self, state: str, **facts: Any) -> None:
        self.states.append(state)


def launch(words: Sequence[str], log: Path, place: Place) -> subprocess.Popen[bytes]:
    return start_process(words, log.parent, log, place.environment)


def run_all(
    jobs: list[Shell],
    places: int = 1,
    stop: StopSignals | None = None,
    following: Callable[[Job], list[Shell]] = lambda _: [],
) -> JobRun:
    room = Machine(["cpu"], places)
    run = JobRun(jobs, room, launch, lambda _: None, StopSignals() if stop is None else stop, following)
    run.run()
    return run


def test_a_job_waits_for_what_it_needs_and_is_kept_back_by_its_failure(tmp_path: Path) -> None:
    jobs = [
        Shell(tmp_path, "last", "cat made", needs=("first",)),
        Shell(tmp_path, "first", "echo x > made"),
        Shell(tmp_path, "bad", "echo before; echo 'train-ssl: the disk is full'; echo '  Next: x'; exit 3"),
        Shell(tmp_path, "lost", "true", needs=("bad",)),
        Shell(tmp_path, "empty", "true", leaves="never"),
    ]
    failed = run_all(jobs, places=4).failed
    assert (tmp_path / "last.log").read_text() == "x\n"
    assert [one.states for one in jobs[:4]] == [
        ["begun", "done"],
        ["begun", "done"],
        ["begun", "failed"],
        [],
    ]
    assert failed["bad"] == f"train-ssl: the disk is full (exit status 3; see {tmp_path / 'bad.log'})"
    assert failed["lost"] == "it needs bad, which has failed"
    assert failed["empty"].startswith("it said nothing (exit status 0")


def test_jobs_run_at_once(tmp_path: Path) -> None:
    """Each waits for a file that the other makes."""
    wait = "touch {0}; until [ -e {1} ]; do sleep .01; done"
    jobs = [Shell(tmp_path, one, wait.format(one, other)) for one, other in (("a", "b"), ("b", "a"))]
    assert not run_all(jobs, places=2).failed


def test_what_follows_a_job_comes_before_all_that_waits(tmp_path: Path) -> None:
    """And a job that needs two devices waits for both of them."""
    order = "echo {0} >> {1}"
    jobs = [Shell(tmp_path, one, order.format(one, tmp_path / "all")) for one in ("a", "b")]
    jobs[1].devices = 2
    more = [Shell(tmp_path, one, order.format(one, tmp_path / "all")) for one in ("a1", "a2")]
    bad = Shell(tmp_path, "bad", "exit 1")

    def following(job: Job) -> list[Shell]:
        assert job.name != "bad"
        return more if job is jobs[0] else []

    assert list(run_all([*jobs, bad], 2, following=following).failed) == ["bad"]
    lines = (tmp_path / "all").read_text().split()
    assert lines[0] == "a"
    assert sorted(lines) == ["a", "a1", "a2", "b"]
    (tmp_path / "all").unlink()
    jobs[1].devices = 1
    run_all(jobs, 1, following=following)
    assert (tmp_path / "all").read_text().split() == ["a", "a1", "a2", "b"]


def test_python_runs_at_its_place(tmp_path: Path) -> None:
    text = "import os; print(os.getcwd(), os.environ['OMP_NUM_THREADS'], os.environ['CUDA_VISIBLE_DEVICES'])"
    log = tmp_path / "log.txt"
    process = start_python(tmp_path, ["-c", text], log, Place(("cuda:7", "cuda:9"), threads=3))
    while process.poll() is None:
        time.sleep(0.02)
    assert log.read_text().split() == [str(tmp_path), "3", "7,9"]


def test_a_signal_is_handed_on_and_what_ends_well_counts(tmp_path: Path) -> None:
    good = Shell(tmp_path, "good", "trap 'exit 0' TERM; touch ready; while :; do sleep .01; done")
    bad = Shell(tmp_path, "bad", "trap 'exit 75' TERM; touch set; while :; do sleep .01; done")
    late = Shell(tmp_path, "late", "true", needs=("good",))

    def ring() -> None:
        while not ((tmp_path / "ready").exists() and (tmp_path / "set").exists()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=ring, daemon=True).start()
    with StopSignals(patience=9) as stop, pytest.raises(Interrupted):
        run_all([good, bad, late], places=2, stop=stop)
    assert (good.states, bad.states, late.states) == (["begun", "done"], ["begun"], [])


def test_a_process_dies_with_its_parent(tmp_path: Path) -> None:
    text = (
        "import pathlib, time; from maskgen.processes.jobs import start_process\n"
        "one = start_process(['sleep', '100'], pathlib.Path('.'), pathlib.Path('log'), {})\n"
        "print(one.pid, flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, cwd=tmp_path) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
    last = time.monotonic() + 20
    while _is_running(child) and time.monotonic() < last:
        time.sleep(0.02)
    assert not _is_running(child)


def _is_running(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
