"""Commands in processes of their own, as many at once as there is room for, in the order of their needs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from .lifetime import die_with
from .places import Place, Room
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


SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""Keeps a Python, and those that it starts, from importing what lies in their working folder."""
Launch = Callable[[Sequence[str], Path, Place], Process]
"""Starts a command by its words, given a log file to append to and the place where it runs."""


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
    def devices(self) -> int:
        """How many it takes, each with a process."""
        ...

    @property
    def log(self) -> Path:
        """The file that gets what it says."""
        ...

    def words(self, place: Place) -> list[str]:
        """The words behind ``python``."""
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
        room: for their processes.
        launch: starts one.
        say: told of each beginning and end.
        stop: asked whether to end.
        following: what there is to do as soon as a job is done, before all that waits.
        failed: why, by the name of each job that has failed or that needs one which has.
    """

    jobs: Sequence[Job]
    room: Room
    launch: Launch
    say: Say
    stop: StopSignals
    following: Callable[[Job], Sequence[Job]] = lambda _: ()
    failed: dict[str, str] = field(default_factory=dict)
    _running: list[_Running] = field(default_factory=list)
    _waiting: list[Job] = field(default_factory=list)

    def run(self) -> None:
        """Do all jobs; one that fails keeps back those only that need it.

        Raises:
            Interrupted: a signal came; all processes have ended.
        """
        self.stop.patience = 1
        self._waiting = list(self.jobs)
        try:
            while (self._waiting or self._running) and not self.stop:
                self._drop_hopeless()
                self._start()
                if not self._reap():
                    time.sleep(_POLL_S)
            if self.stop:
                self._end()
                raise interrupted("what was under way goes on where it can")
        finally:
            for one in self._running:
                one.process.kill()

    def _drop_hopeless(self) -> None:
        for one in list(self._waiting):
            lost = [name for name in one.needs if name in self.failed]
            if lost:
                self._waiting.remove(one)
                self.failed[one.name] = f"it needs {lost[0]}, which has failed"

    def _start(self) -> None:
        open_names = {one.name for one in self._waiting} | {one.job.name for one in self._running}
        for one in list(self._waiting):
            if open_names.isdisjoint(one.needs) and (place := self.room.take(one.devices)):
                self._waiting.remove(one)
                self._running.append(self._begin(one, place))

    def _begin(self, one: Job, place: Place) -> _Running:
        one.note("begun")
        return _Running(one, self.launch(one.words(place), one.log, place), place, time.monotonic())

    def _reap(self) -> int:
        """How many have ended."""
        ended = [(one, status) for one in self._running if (status := one.process.poll()) is not None]
        for one, status in ended:
            self._running.remove(one)
            self.room.give_back(one.place)
            self._judge(one, status)
        return len(ended)

    def _judge(self, one: _Running, status: int) -> None:
        name, seconds = one.job.name, round(time.monotonic() - one.since, 1)
        if status == 0 and one.job.is_complete():
            one.job.note("done", seconds=seconds)
            self.say(f"{name} done in {seconds:g} s")
            self._waiting[:0] = self.following(one.job)
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


def start_python(base: Path, words: Sequence[str], log: Path, place: Place) -> Process:
    """A `Launch` on this machine, by this Python.

    Args:
        base: folder that relative paths start from.
        words: behind ``python``.
        log: gets what it says.
        place: where it runs.
    """
    return start_process([sys.executable, *words], base, log, {**place.environment, **SAFE_PATH})


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
