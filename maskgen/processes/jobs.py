"""Commands in processes of their own, as many at once as there is room for, in the order of their needs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from .cores import usable_cores
from .lifetime import die_with
from .signals import StopSignals, interrupted

_POLL_S = 0.05
PATIENCE_S = 60.0
"""How long jobs may take to end after a signal; then they are killed."""
Say = Callable[[str], None]


class Process(Protocol):
    """What is asked of a started job: as `subprocess.Popen`."""

    def poll(self) -> int | None:
        """Its exit status; None: it runs."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


Launch = Callable[[Sequence[str], Path, Mapping[str, str]], Process]
"""Starts a command by its words, given a log file to append to and additions to the environment."""


@dataclass(frozen=True)
class Place:
    """Room for one process.

    Args:
        device: ``cpu`` or ``cuda:N``.
        threads: of its arithmetic; 0: as the environment says.
    """

    device: str
    threads: int = 0

    @property
    def words(self) -> list[str]:
        """Options of the command."""
        return ["--device", self.device.partition(":")[0]]

    @property
    def environment(self) -> dict[str, str]:
        """So that the command sees its GPU only, and as many cores as are its own."""
        number = self.device.partition(":")[2]
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        given = [one for one in visible.split(",") if one]
        if number and int(number) < len(given):
            number = given[int(number)]
        threads = {"OMP_NUM_THREADS": str(self.threads)} if self.threads else {}
        return threads | ({"CUDA_VISIBLE_DEVICES": number} if number else {})


def find_places(devices: Sequence[str], jobs: int) -> list[Place]:
    """Room for `jobs` processes on each device.

    Args:
        devices: ``cpu``, ``cuda`` or ``cuda:N``.
        jobs: from 1.

    Example:
        >>> from maskgen.processes.jobs import find_places
        >>> [place.device for place in find_places(["cuda:0", "cuda:1"], 1)]
        ['cuda:0', 'cuda:1']
    """
    places = [device for _ in range(jobs) for device in devices]
    alone = len(places) == 1 or "OMP_NUM_THREADS" in os.environ
    return [Place(device, 0 if alone else max(1, usable_cores() // len(places))) for device in places]


class Job(Protocol):
    """One command, and what is kept of it."""

    @property
    def name(self) -> str:
        """Told of it."""
        ...

    @property
    def needs(self) -> Collection[str]:
        """Names of the jobs whose files it reads."""
        ...

    @property
    def log(self) -> Path:
        """The file that gets what it says."""
        ...

    def words(self, place: Place) -> list[str]:
        """The words of the command."""
        ...

    def is_complete(self) -> bool:
        """Whether a command that has ended well has left what it should."""
        ...

    def note(self, state: str, **facts: Any) -> None:
        """Keep that it is ``begun``, ``done`` or ``failed``; makes the folder of the log."""


@dataclass(eq=False)
class _Running:
    job: Job
    process: Process
    place: Place
    since: float


@dataclass(eq=False)
class JobRun:
    """What is left to do, in order.

    Args:
        jobs: that are not done.
        places: room for processes.
        launch: starts one.
        say: told of each beginning and end.
        stop: asked whether to end.
        failed: why, by the name of each job that has failed or that needs one which has.
    """

    jobs: Sequence[Job]
    places: list[Place]
    launch: Launch
    say: Say
    stop: StopSignals
    failed: dict[str, str] = field(default_factory=dict)
    _running: list[_Running] = field(default_factory=list)

    def run(self) -> None:
        """Do all jobs; one that fails keeps back those only that need it.

        Raises:
            Interrupted: a signal came; all processes have ended.
        """
        self.stop.patience = 1
        waiting = list(self.jobs)
        try:
            while (waiting or self._running) and not self.stop:
                self._drop_hopeless(waiting)
                self._start(waiting)
                if not self._reap() and self._running:
                    time.sleep(_POLL_S)
            if self.stop:
                self._end()
                raise interrupted("what was under way goes on where it can")
        finally:
            for one in self._running:
                one.process.kill()

    def _drop_hopeless(self, waiting: list[Job]) -> None:
        for one in list(waiting):
            lost = [name for name in one.needs if name in self.failed]
            if lost:
                waiting.remove(one)
                self.failed[one.name] = f"it needs {lost[0]}, which has failed"

    def _start(self, waiting: list[Job]) -> None:
        taken = [one.place for one in self._running]
        free = list(self.places)
        for place in taken:
            free.remove(place)
        open_names = {one.name for one in waiting} | {one.job.name for one in self._running}
        for one in list(waiting):
            if free and open_names.isdisjoint(one.needs):
                waiting.remove(one)
                self._running.append(self._begin(one, free.pop(0)))

    def _begin(self, one: Job, place: Place) -> _Running:
        one.note("begun")
        process = self.launch(one.words(place), one.log, place.environment)
        return _Running(one, process, place, time.monotonic())

    def _reap(self) -> int:
        """How many have ended."""
        ended = [(one, status) for one in self._running if (status := one.process.poll()) is not None]
        for one, status in ended:
            self._running.remove(one)
            self._judge(one, status)
        return len(ended)

    def _judge(self, one: _Running, status: int) -> None:
        name, seconds = one.job.name, round(time.monotonic() - one.since, 1)
        if status == 0 and one.job.is_complete():
            one.job.note("done", seconds=seconds)
            self.say(f"{name} done in {seconds:g} s")
            return
        why = _reason(status, one.job.log)
        one.job.note("failed", seconds=seconds, status=status, why=why)
        self.failed[name] = why
        self.say(f"{name} FAILED: {why}")

    def _end(self) -> None:
        """Hand the signal on and wait; what ends well meanwhile counts."""
        for one in self._running:
            one.process.terminate()
        last = time.monotonic() + PATIENCE_S
        while self._running and time.monotonic() < last:
            for one in list(self._running):
                if (status := one.process.poll()) is not None:
                    self._running.remove(one)
                    if status == 0:
                        self._judge(one, status)
            time.sleep(_POLL_S)


def start_process(
    command: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """A process that dies with this one, and that no Ctrl-C reaches.

    Args:
        command: the program and its words.
        folder: that relative paths start from.
        log: gets what it says.
        environment: in addition to this process's.
    """
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603 - a command of ours
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,  # Ctrl-C is this process's to answer
            preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509 - there are no threads
        )


def _reason(status: int, log: Path) -> str:
    """Why a job failed: the error that its log ends with."""
    text = log.read_text(errors="replace") if log.exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    begins = ("eval-ssl:", "train-ssl:", "Error:", "maskgen.errors.")
    told = [line for line in lines if line.startswith(begins)]
    last = (told or lines or ["it said nothing"])[-1]
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return f"{last} ({how}; see {log})"
