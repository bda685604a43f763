"""Worker processes behind pipes: started, given one task at a time, replaced when they die or hang, ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from .lifetime import die_with, worker_environment
from .watch import IDLE

Task = TypeVar("Task")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@dataclass
class Worker(Generic[Task]):
    """One process, its pipe, its watch's slots, and the task it is on.

    Beside it the time at which it was given that task.
    """

    process: BaseProcess
    pipe: Connection
    slots: Any
    task: Task | None = None
    since: float = 0.0


@dataclass
class Workers(Generic[Task]):
    """The processes of one owner, who decides what a death or a hang means.

    Args:
        alive: those that have not been found dead or hanging.
    """

    alive: list[Worker[Task]] = field(default_factory=list)

    def start(self, serve: Callable[..., None], *arguments: Any) -> Worker[Task]:
        """One more process, idle.

        Args:
            serve: called in it as ``serve(pipe, slots, *arguments)``; answers each task until the pipe
                closes.
            arguments: picklable.
        """
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        slots = context.RawArray("d", IDLE)
        process = context.Process(
            target=_live, args=(os.getpid(), serve, theirs, slots, *arguments), daemon=True
        )
        resource_tracker.ensure_running()  # when it is started it unblocks the signals again
        with worker_environment(), _signals_blocked():
            process.start()
        theirs.close()
        self.alive.append(Worker(process, ours, slots))
        return self.alive[-1]

    def send(self, worker: Worker[Task], task: Task) -> None:
        """Give an idle worker a task."""
        worker.task, worker.since = task, time.monotonic()
        with contextlib.suppress(OSError):  # it died just now: `lost` sees that
            worker.pipe.send(task)

    def answers(self, timeout_s: float) -> Iterator[tuple[Task, Any]]:
        """Tasks and what came of them, at most one of each worker, which then is idle.

        It waits for the first.
        """
        ready = wait([worker.pipe for worker in self.alive], timeout=timeout_s)
        for worker in [one for one in self.alive if one.pipe in ready]:
            try:
                answer = worker.pipe.recv()
            except (EOFError, OSError):
                continue  # a dead worker: `lost` sees to it
            task, worker.task = worker.task, None
            if task is not None:
                yield task, answer

    def lost(self, hung: Callable[[Worker[Task]], bool]) -> Iterator[tuple[Worker[Task], bool]]:
        """Workers that died, or hang and are killed, and whether they hung; they are counted out."""
        for worker in list(self.alive):
            hangs = hung(worker)
            if worker.process.is_alive() and not hangs:
                continue
            worker.process.kill()
            worker.process.join()
            self.alive.remove(worker)
            worker.pipe.close()
            yield worker, hangs

    def close(self) -> None:
        """End the idle ones by closing their pipes, kill the others, and wait for all."""
        for worker in self.alive:
            worker.pipe.close()
            if worker.task is not None:
                worker.process.kill()
        for worker in self.alive:
            worker.process.join(5)
            worker.process.kill()
            worker.process.join()
        self.alive.clear()


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """Processes started here never see Ctrl-C, not even while they import: it is the parent's to answer."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _live(parent: int, serve: Callable[..., None], pipe: Connection, *arguments: Any) -> None:
    """A worker process from its start to its end."""
    die_with(parent)
    for name in _SIGNALS:
        signal.signal(name, signal.SIG_IGN)  # the parent decides: finish the task, or be killed
    import cv2

    cv2.setNumThreads(1)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(pipe, *arguments)
