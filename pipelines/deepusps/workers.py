"""One task for many photos in worker processes; results in the photos' order, a killer or a hang costs its photo only."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from maskgen.errors import EnvironmentFault, ImageFault, MaskgenError
from maskgen.io.processes import worker_environment
from maskgen.pipelines.worker import die_with

Item = TypeVar("Item")
Result = TypeVar("Result")

TIMEOUT_S = 120.0
_POLL_S = 0.2
_ATTEMPTS = 2
_FRUITLESS = 6  # deaths without one result: it is not the photos


def in_order(
    task: Callable[[Item], Result], items: Sequence[Item], workers: int, timeout_s: float = TIMEOUT_S
) -> Iterator[Result | ImageFault]:
    """The task's result for each item, in their order, or the fault that the item has.

    A worker that dies is replaced and its item tried once more; the second death is the item's fault ``crash``. An item
    that takes longer than `timeout_s` is a ``hang``. What the task raises beside MaskgenErrors is a ``method-error``.

    Args:
        task: picklable; called in the workers.
        items: picklable.
        workers: processes.
        timeout_s: seconds for one item.

    Raises:
        MaskgenError: other than an ImageFault, from the task.
        EnvironmentFault: workers die whatever they are given.
    """
    pool = _Pool(task, items, timeout_s)
    try:
        yield from pool.run(min(workers, len(items)))
    finally:
        pool.close()


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    number: int = -1  # of the item that it is on
    since: float = 0.0


@dataclass
class _Pool(Generic[Item, Result]):
    task: Callable[[Item], Result]
    items: Sequence[Item]
    timeout_s: float
    results: dict[int, Result | ImageFault] = field(default_factory=dict)
    deaths: dict[int, int] = field(default_factory=dict)
    fruitless: int = 0
    workers: list[_Worker] = field(default_factory=list)

    def run(self, count: int) -> Iterator[Result | ImageFault]:
        waiting = deque(range(len(self.items)))
        for wanted in range(len(self.items)):
            while wanted not in self.results:
                self._hand_out(waiting, count, ahead=wanted + 4 * count)
                self._collect()
                self._watch(waiting)
            yield self.results.pop(wanted)

    def _hand_out(self, waiting: deque[int], count: int, ahead: int) -> None:
        """Give every idle worker an item, but none far ahead of what was asked for: results wait in memory."""
        idle = [worker for worker in self.workers if worker.number < 0]
        while waiting and waiting[0] < ahead and (idle or len(self.workers) < count):
            worker = idle.pop() if idle else self._start()
            worker.number, worker.since = waiting.popleft(), time.monotonic()
            with contextlib.suppress(OSError):  # it died just now: `_watch` sees that
                worker.pipe.send(self.items[worker.number])

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.task, os.getpid()), daemon=True)
        with worker_environment():
            process.start()
        theirs.close()
        self.workers.append(_Worker(process, ours))
        return self.workers[-1]

    def _collect(self) -> None:
        ready = wait([worker.pipe for worker in self.workers], timeout=_POLL_S)
        for worker in [one for one in self.workers if one.pipe in ready]:
            try:
                answer: Any = worker.pipe.recv()
            except (EOFError, OSError):
                continue  # a dead worker: `_watch` sees to it
            if isinstance(answer, MaskgenError) and not isinstance(answer, ImageFault):
                raise answer
            self.results[worker.number], worker.number = answer, -1
            self.fruitless = 0

    def _watch(self, waiting: deque[int]) -> None:
        now = time.monotonic()
        for worker in list(self.workers):
            hung = worker.number >= 0 and now - worker.since > self.timeout_s
            if worker.process.is_alive() and not hung:
                continue
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()
            self.workers.remove(worker)
            if worker.number >= 0 and worker.number not in self.results:
                self._blame(worker.number, waiting, f"more than {self.timeout_s:g} s" if hung else "")

    def _blame(self, number: int, waiting: deque[int], hang: str) -> None:
        self.fruitless += 1
        self.deaths[number] = self.deaths.get(number, 0) + 1
        if self.fruitless > _FRUITLESS and not hang:
            raise EnvironmentFault(
                "worker processes keep dying",
                cause="too little memory for this many workers",
                remedy="run again with fewer --workers",
            )
        if hang:
            self.results[number] = ImageFault("hang", hang)
        elif self.deaths[number] >= _ATTEMPTS:
            self.results[number] = ImageFault("crash", "the worker process died on it twice")
        else:
            waiting.appendleft(number)

    def close(self) -> None:
        for worker in self.workers:
            worker.pipe.close()
            worker.process.kill()
        for worker in self.workers:
            worker.process.join()
        self.workers.clear()


def _serve(pipe: Connection, task: Callable[[Any], Any], parent: int) -> None:
    """Answer items until the pipe closes. The entry point of a worker process."""
    die_with(parent)
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(name, signal.SIG_IGN)  # the parent decides
    import cv2

    cv2.setNumThreads(1)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            pipe.send(_answer(task, pipe.recv()))


def _answer(task: Callable[[Any], Any], item: Any) -> Any:
    try:
        return task(item)
    except MaskgenError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a method is free to fail in any way; it costs one photo
        return ImageFault("method-error", f"{type(error).__name__}: {error}"[:300])
