"""A thread that works ahead of its owner, and outlives a KeyboardInterrupt that strikes the owner anywhere.

The pools of `concurrent.futures` are made of Python's own conditions: an interrupt between two of their lines
leaves one locked, and the pool, or the interpreter's end, waits for it for ever. A `SimpleQueue` has no such
moment.
"""

from __future__ import annotations

import atexit
import itertools
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")

_Calls = SimpleQueue[Callable[[], None] | None]

EXIT_S = 20.0
"""How long the interpreter waits at its end for what such threads are doing."""


class Job(Generic[T]):
    """A call that a `WorkAhead` makes."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call: Callable[[], T] | None = call
        self._answers: SimpleQueue[Callable[[], T]] = SimpleQueue()

    def cancel(self) -> None:
        """Do not make the call, if it has not begun."""
        self._call = None

    def result(self) -> T:
        """What the call returned; to be asked once, and not of a cancelled job.

        Raises:
            BaseException: what the call raised.
        """
        return self._answers.get()()

    def run(self) -> None:
        """Make the call, in this thread."""
        call, self._call = self._call, None
        if call is None:
            return
        try:
            value = call()
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            self._answers.put(partial(_fail, error))
        else:
            self._answers.put(lambda: value)


def _fail(error: BaseException) -> NoReturn:
    raise error


class StepsAhead(Generic[T]):
    """Makes what belongs to the steps of an epoch, in their order, some steps ahead.

    Args:
        name: of the thread that makes it.
        ahead: how many steps are made before they are asked for.
    """

    def __init__(self, name: str, ahead: int) -> None:
        self._work = WorkAhead(name)
        self._ahead = ahead
        self._waiting: deque[Job[T]] = deque()
        self._coming: Iterator[Callable[[], T]] = iter(())

    def restart(self, calls: Iterator[Callable[[], T]]) -> None:
        """Drop what is on its way, wait for what is being made, and go on with these calls, one a step."""
        while self._waiting:
            self._waiting.pop().cancel()
        self._work.wait()
        self._coming = calls

    def next(self) -> T:
        """What the next call returns.

        Raises:
            BaseException: what the call raised.
        """
        for call in itertools.islice(self._coming, self._ahead + 1 - len(self._waiting)):
            self._waiting.append(self._work.submit(call))
        return self._waiting.popleft().result()


class WorkAhead:
    """One thread that makes calls in the order of `submit`; it ends with its owner.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._jobs = _Calls()
        thread = threading.Thread(target=_work, args=(self._jobs,), name=name, daemon=True)
        end = weakref.finalize(self, self._jobs.put, None)
        end.atexit = False
        _THREADS[thread] = self._jobs
        thread.start()

    def submit(self, call: Callable[[], T]) -> Job[T]:
        """Have a call made after those submitted before."""
        job = Job(call)
        self._jobs.put(job.run)
        return job

    def wait(self) -> None:
        """Wait until all that was submitted is done."""
        self.submit(lambda: None).result()


_THREADS: weakref.WeakKeyDictionary[threading.Thread, _Calls] = weakref.WeakKeyDictionary()


def _work(calls: _Calls) -> None:
    while (call := calls.get()) is not None:
        call()
        del call  # what it holds may end with its owner


@atexit.register
def _end() -> None:
    """Let no thread run into the interpreter's end."""
    threads = dict(_THREADS)
    for calls in threads.values():
        calls.put(None)
    for thread in threads:
        thread.join(EXIT_S)
