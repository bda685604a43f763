"""The cells of a suite in processes of their own, as many at once as there is room for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from maskgen.processes.cores import usable_cores
from maskgen.processes.lifetime import die_with
from maskgen.processes.signals import StopSignals, interrupted

from .cells import Cell
from .folder import LOG, CellFolder

_POLL_S = 0.05
PATIENCE_S = 60.0
"""How long tasks may take to end after a signal; then they are killed."""
Say = Callable[[str], None]


class Process(Protocol):
    """What is asked of a started task: as `subprocess.Popen`."""

    def poll(self) -> int | None:
        """Its exit status; None: it runs."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


Launch = Callable[[Sequence[str], Path, Mapping[str, str]], Process]
"""Starts ``eval-ssl WORDS``, given a log file to append to and additions to the environment."""


def launch_process(base: Path, words: Sequence[str], log: Path, environment: Mapping[str, str]) -> Process:
    """A task as a process that dies with this one.

    Args:
        base: folder that relative paths start from.
        words: behind ``eval-ssl``.
        log: gets what it says.
        environment: in addition to this process's.
    """
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603 - this Python, and words of options
            [sys.executable, "-P", "-m", "maskgen.trainers", "eval", *words],
            cwd=base,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,  # Ctrl-C is this process's to answer
            preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509 - there are no threads
        )


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
        """Options of the task."""
        return ["--device", self.device.partition(":")[0]]

    @property
    def environment(self) -> dict[str, str]:
        """So that the task sees its GPU only, and as many cores as are its own."""
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
        >>> from maskgen.trainers.evaluations.suite.run import find_places
        >>> [place.device for place in find_places(["cuda:0", "cuda:1"], 1)]
        ['cuda:0', 'cuda:1']
    """
    places = [device for _ in range(jobs) for device in devices]
    alone = len(places) == 1 or "OMP_NUM_THREADS" in os.environ
    return [Place(device, 0 if alone else max(1, usable_cores() // len(places))) for device in places]


@dataclass(eq=False)
class _Running:
    cell: CellFolder
    process: Process
    place: Place
    since: float


@dataclass(eq=False)
class SuiteRun:
    """What is left to do, in order.

    Args:
        cells: that are not done.
        places: room for processes.
        launch: starts one.
        say: told of each beginning and end.
        stop: asked whether to end.
        failed: why, by the name of each cell that has failed or that needs one which has.
    """

    cells: list[CellFolder]
    places: list[Place]
    launch: Launch
    say: Say
    stop: StopSignals
    failed: dict[str, str] = field(default_factory=dict)
    _running: list[_Running] = field(default_factory=list)
    _count: int = 0

    def run(self) -> None:
        """Do all cells; one that fails keeps back those only that need it.

        Raises:
            Interrupted: a signal came; all processes have ended.
        """
        self.stop.patience = 1
        waiting, self._count = list(self.cells), len(self.cells)
        try:
            while (waiting or self._running) and not self.stop:
                self._drop_hopeless(waiting)
                self._start(waiting)
                if not self._reap() and self._running:
                    time.sleep(_POLL_S)
            if self.stop:
                self._end()
                raise interrupted("tasks that were under way go on where they can")
        finally:
            for one in self._running:
                one.process.kill()

    def _drop_hopeless(self, waiting: list[CellFolder]) -> None:
        for one in list(waiting):
            lost = [use.cell.name for use in one.cell.uses.values() if use.cell.name in self.failed]
            if lost:
                waiting.remove(one)
                self.failed[one.cell.name] = f"it needs {lost[0]}, which has failed"

    def _start(self, waiting: list[CellFolder]) -> None:
        taken = [one.place for one in self._running]
        free = list(self.places)
        for place in taken:
            free.remove(place)
        open_names = {one.cell.name for one in waiting} | {one.cell.cell.name for one in self._running}
        for one in list(waiting):
            if free and not any(use.cell.name in open_names for use in one.cell.uses.values()):
                waiting.remove(one)
                self._running.append(self._begin(one, free.pop(0)))

    def _begin(self, one: CellFolder, place: Place) -> _Running:
        one.note("begun")
        words = [*task_words(one), *(place.words if one.cell.command.knows("device") else [])]
        process = self.launch(words, one.path / LOG, place.environment)
        return _Running(one, process, place, time.monotonic())

    def _reap(self) -> int:
        """How many have ended."""
        ended = [(one, status) for one in self._running if (status := one.process.poll()) is not None]
        for one, status in ended:
            self._running.remove(one)
            self._judge(one, status)
        return len(ended)

    def _judge(self, one: _Running, status: int) -> None:
        name, seconds = one.cell.cell.name, round(time.monotonic() - one.since, 1)
        if status == 0 and one.cell.results():
            one.cell.note("done", seconds=seconds)
            self.say(f"{name} done in {seconds:g} s")
            return
        why = _reason(status, one.cell.path / LOG)
        one.cell.note("failed", seconds=seconds, status=status, why=why)
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


def task_words(one: CellFolder) -> list[str]:
    """The words behind ``eval-ssl`` that do a cell, without its device."""
    cell: Cell = one.cell
    used = {
        key: str(CellFolder(use.cell, one.output).path / use.file)
        if use.file
        else str(CellFolder(use.cell, one.output).path)
        for key, use in cell.uses.items()
    }
    own = {
        "checkpoint": cell.checkpoint.source,
        "backbone": cell.checkpoint.backbone,
        "output": str(one.path),
        "features": str(one.features),
        "seed": cell.seed,
    }
    known = {key: value for key, value in own.items() if cell.command.knows(key) and value != ""}
    return [cell.command.name, *cell.command.words({**cell.options, **used, **known})]


def _reason(status: int, log: Path) -> str:
    """Why a task failed: the error that its log ends with."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("eval-ssl:", "Error:", "maskgen.errors."))]
    last = (told or lines or ["it said nothing"])[-1]
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return f"{last} ({how}; see {log})"
