"""Supervised worker processes.

Tasks handed out, crashes and hangs told with the item to blame, workers replaced.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from ..errors import EnvironmentFault, ImageFault, MaskgenError
from .pool import Worker, Workers
from .watch import Watch, busy_for, busy_image

Task = TypeVar("Task")
Item = TypeVar("Item")
Result = TypeVar("Result")

TIMEOUT_S = 120.0
_POLL_S = 0.2
_ATTEMPTS = 2
_FRUITLESS = 6  # deaths without one result: it is not the items


@dataclass(frozen=True, slots=True)
class Loss(Generic[Task]):
    """A task whose worker died or hung.

    Args:
        task: what it was given.
        item: number of the item of the task that it was on, by its watch; None when on none.
        reason: ``crash: ...`` or ``hang: ...``, for people.
        hung: whether it was killed because it took too long.
    """

    task: Task
    item: int | None
    reason: str
    hung: bool


@dataclass
class Supervisor(Generic[Task]):
    """Gives the tasks of a queue to worker processes, and replaces those that die or hang.

    Args:
        start: starts one more worker.
        count: processes at most.
        judge: told of every loss; it may put the task, or another, back into the queue.
        timeout_s: seconds that a worker may be on one item, by its watch.
    """

    start: Callable[[Workers[Task]], Worker[Task]]
    count: int
    judge: Callable[[Loss[Task]], None]
    timeout_s: float
    queue: deque[Task] = field(default_factory=deque)
    workers: Workers[Task] = field(default_factory=Workers)  # pyright: ignore[reportAssignmentType]

    @property
    def running(self) -> list[Worker[Task]]:
        """The workers that are on a task."""
        return [worker for worker in self.workers.alive if worker.task is not None]

    def hand_out(self) -> None:
        """Give every idle worker a task."""
        idle = [worker for worker in self.workers.alive if worker.task is None]
        while self.queue and (idle or len(self.workers.alive) < self.count):
            worker = idle.pop(0) if idle else self.start(self.workers)
            self.workers.send(worker, self.queue.popleft())

    def answers(self, timeout_s: float) -> Iterator[tuple[Task, Any]]:
        """Tasks and what came of them, at most one of each worker; waits for the first.

        Raises:
            MaskgenError: a worker's answer, if it is one that does not concern a single image.
        """
        for task, answer in self.workers.answers(timeout_s):
            yield task, _unless_grave(answer)

    def check(self) -> None:
        """Kill the workers that hang, count out the dead, and have the losses judged.

        Raises:
            MaskgenError: from `judge`.
        """
        now = time.monotonic()
        for worker, hung in self.workers.lost(lambda one: busy_for(one.slots, now) > self.timeout_s):
            reason = f"hang: more than {self.timeout_s:g} s" if hung else f"crash: {_end_of(worker.process)}"
            if worker.task is not None:
                self.judge(Loss(worker.task, busy_image(worker.slots), reason, hung))

    def close(self) -> None:
        """End the workers; those on a task are killed."""
        self.workers.close()


def _unless_grave(answer: Any) -> Any:
    """The answer, unless it is an error that does not concern a single image: that is raised."""
    if isinstance(answer, MaskgenError) and not isinstance(answer, ImageFault):
        raise answer
    return answer


def _end_of(process: BaseProcess) -> str:
    code = process.exitcode or 0
    return f"the worker was killed by signal {-code}" if code < 0 else f"the worker exited with status {code}"


def dying_workers(why: str = "", where: str = "") -> EnvironmentFault:
    """The error of workers that die whatever they are given."""
    return EnvironmentFault(
        "worker processes keep dying" + (f" ({why})" if why else ""),
        where=where,
        cause="too little memory for this many workers",
        remedy="run again with fewer --workers",
    )


def map_in_order(
    task: Callable[[Item], Result], items: Iterable[Item], workers: int, timeout_s: float = TIMEOUT_S
) -> Generator[Result | ImageFault, None, None]:
    """The task's result for each item, in their order, or the fault that the item has.

    A worker that dies is replaced and its item tried once more; the second death is the item's fault
    ``crash``. An item that takes longer than `timeout_s` is a ``hang``. What the task raises beside
    MaskgenErrors is a ``method-error``.

    Args:
        task: picklable; called in the workers.
        items: picklable; taken a few at a time.
        workers: processes at most; 0: the items are done in this process, where nothing guards against deaths
            and hangs.
        timeout_s: seconds for one item.

    Raises:
        MaskgenError: other than an ImageFault, from the task.
        EnvironmentFault: workers die whatever they are given.

    Example:
        >>> list(map_in_order(abs, [-3, 2, -1], workers=2))
        [3, 2, 1]
    """
    if not workers:
        yield from (_unless_grave(_answer(task, item)) for item in items)
        return
    work = _OrderedMap(task, items, timeout_s, workers)
    try:
        yield from work.run()
    finally:
        work.close()


class _OrderedMap(Generic[Item, Result]):
    """The state of one `map_in_order`: results that wait for their turn, and deaths by item."""

    def __init__(
        self, task: Callable[[Item], Result], items: Iterable[Item], timeout_s: float, count: int
    ) -> None:
        self._items = enumerate(items)
        self._results: dict[int, Result | ImageFault] = {}
        self._deaths: dict[int, int] = {}
        self._fruitless = 0
        self._supervisor: Supervisor[tuple[int, Item]] = Supervisor(
            lambda workers: workers.start(_serve, task), count, self._judge, timeout_s
        )

    def run(self) -> Iterator[Result | ImageFault]:
        supervisor, taken = self._supervisor, 0
        for wanted in itertools.count():
            # Results wait in memory: none far ahead of what was asked for, and no item before its turn.
            for numbered in itertools.islice(self._items, wanted + 4 * supervisor.count - taken):
                supervisor.queue.append(numbered)
                taken += 1
            if wanted == taken:
                return
            while wanted not in self._results:
                supervisor.hand_out()
                for (number, _), answer in supervisor.answers(_POLL_S):
                    self._results[number] = answer
                    self._fruitless = 0
                supervisor.check()
            yield self._results.pop(wanted)

    def close(self) -> None:
        self._supervisor.close()

    def _judge(self, loss: Loss[tuple[int, Item]]) -> None:
        number = loss.task[0]
        self._fruitless += 1
        self._deaths[number] = self._deaths.get(number, 0) + 1
        if loss.hung:
            self._results[number] = ImageFault("hang", loss.reason.removeprefix("hang: "))
        elif self._fruitless > _FRUITLESS:
            raise dying_workers()
        elif self._deaths[number] >= _ATTEMPTS:
            self._results[number] = ImageFault("crash", "the worker process died on it twice")
        else:
            self._supervisor.queue.appendleft(loss.task)


def _serve(pipe: Connection, slots: Any, task: Callable[[Any], Any]) -> None:
    """Answer items until the pipe closes."""
    watch = Watch(slots)
    while True:
        number, item = pipe.recv()
        with watch.image(number):
            answer = _answer(task, item)
        pipe.send(answer)


def _answer(task: Callable[[Any], Any], item: Any) -> Any:
    try:
        return task(item)
    except MaskgenError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a task is free to fail in any way; it costs one item
        return ImageFault("method-error", f"{type(error).__name__}: {error}"[:300])
