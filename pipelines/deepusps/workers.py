"""One task for many photos in worker processes; results in the photos' order, a killer or a hang costs its photo only."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from maskgen.errors import ImageFault, MaskgenError
from maskgen.processes.pool import Workers, keep_dying

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
    work = _Work(task, items, timeout_s)
    try:
        yield from work.run(min(workers, len(items)))
    finally:
        work.workers.close()


@dataclass
class _Work(Generic[Item, Result]):
    task: Callable[[Item], Result]
    items: Sequence[Item]
    timeout_s: float
    results: dict[int, Result | ImageFault] = field(default_factory=dict)
    deaths: dict[int, int] = field(default_factory=dict)
    fruitless: int = 0
    workers: Workers[tuple[int, Item]] = field(default_factory=Workers)

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
        idle = [worker for worker in self.workers.alive if worker.task is None]
        while waiting and waiting[0] < ahead and (idle or len(self.workers.alive) < count):
            worker = idle.pop() if idle else self.workers.start(_serve, self.task)
            number = waiting.popleft()
            self.workers.send(worker, (number, self.items[number]))

    def _collect(self) -> None:
        for (number, _), answer in self.workers.answers(_POLL_S):
            if isinstance(answer, MaskgenError) and not isinstance(answer, ImageFault):
                raise answer
            self.results[number] = answer
            self.fruitless = 0

    def _watch(self, waiting: deque[int]) -> None:
        late = time.monotonic() - self.timeout_s
        for worker, hung in self.workers.lost(lambda one: one.task is not None and one.since < late):
            if worker.task is not None:
                self._blame(worker.task[0], waiting, f"more than {self.timeout_s:g} s" if hung else "")

    def _blame(self, number: int, waiting: deque[int], hang: str) -> None:
        self.fruitless += 1
        self.deaths[number] = self.deaths.get(number, 0) + 1
        if self.fruitless > _FRUITLESS and not hang:
            raise keep_dying()
        if hang:
            self.results[number] = ImageFault("hang", hang)
        elif self.deaths[number] >= _ATTEMPTS:
            self.results[number] = ImageFault("crash", "the worker process died on it twice")
        else:
            waiting.appendleft(number)


def _serve(pipe: Connection, _slots: Any, task: Callable[[Any], Any]) -> None:
    """Answer items until the pipe closes."""
    while True:
        _, item = pipe.recv()
        pipe.send(_answer(task, item))


def _answer(task: Callable[[Any], Any], item: Any) -> Any:
    try:
        return task(item)
    except MaskgenError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a method is free to fail in any way; it costs one photo
        return ImageFault("method-error", f"{type(error).__name__}: {error}"[:300])
