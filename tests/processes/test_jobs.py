"""Jobs in processes: as many at once as there is room for, none before what it needs, none after a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from maskgen.errors import Interrupted
from maskgen.processes.jobs import JobRun, Place, find_places, start_process
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

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def words(self, place: Place) -> list[str]:
        return ["bash", "-c", self.script]

    def is_complete(self) -> bool:
        return not self.leaves or (self.folder / self.leaves).exists()

    def note(self, state: str, **facts: Any) -> None:
        self.states.append(state)


def run_all(jobs: list[Shell], places: int = 1, stop: StopSignals | None = None) -> JobRun:
    def launch(words: Sequence[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return start_process(words, log.parent, log, environment)

    run = JobRun(
        jobs, [Place("cpu")] * places, launch, lambda text: None, StopSignals() if stop is None else stop
    )
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


def test_each_device_gets_its_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("maskgen.processes.jobs.usable_cores", lambda: 8)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6,7")
    places = find_places(["cuda:0", "cuda:1"], 2)
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in places] == ["6", "7", "6", "7"]
    assert [one.words for one in places] == [["--device", "cuda"]] * 4
    assert {one.environment["OMP_NUM_THREADS"] for one in places} == {"2"}
    assert find_places(["cpu"], 1)[0].environment == {}
