"""How a DALI pipeline ends: in a thread of its own, when all that it has begun is done.

A pipeline whose graph calls Python must not be destroyed just anywhere. Garbage collection may run in the
middle of any lock, or in the very thread that the pipeline waits for; and while the interpreter takes itself
down, DALI's own destructor fails. So the last thing a stream does is to hand its pipeline over to a thread
that holds nothing.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .feed import Feed

EXIT_S = 20.0
"""How long the interpreter waits at its end for pipelines to finish."""


@dataclass(slots=True, eq=False)
class Pending:
    """One batch that a pipeline has begun: its feed, and when it is done its outputs or what went wrong."""

    feed: Feed | None = None
    outputs: Any = None
    error: BaseException | None = None


def wait_for(pipeline: Any, pending: Iterable[Pending]) -> None:
    """Wait for batches, in the order in which they were started."""
    for batch in pending:
        if batch.outputs is None and batch.error is None:
            try:
                batch.outputs = pipeline.share_outputs()
            except RuntimeError as error:
                batch.error = error
            pipeline.release_outputs()


def teardown_with(owner: object, held: list[Any]) -> None:
    """Tear down the pipelines in `held` once `owner` is gone, or at the interpreter's end.

    Args:
        owner: holds `held`.
        held: one pipeline that may have begun runs, and behind it others that have not; nothing else holds
            them.
    """
    finalizer = weakref.finalize(owner, _ENDING.put, held)
    finalizer.atexit = False
    with _STARTING:
        _FINALIZERS[:] = [other for other in _FINALIZERS if other.alive]
        _FINALIZERS.append(finalizer)
        if not _THREADS:
            _THREADS.append(threading.Thread(target=_tear_down, name="maskgen-teardown", daemon=True))
            _THREADS[0].start()


def teardown(held: list[Any]) -> None:
    """Tear down the pipelines in `held` now, and empty it."""
    _ENDING.put(list(held))
    held.clear()


_ENDING: SimpleQueue[list[Any] | None] = SimpleQueue()
_STARTING = threading.Lock()
_THREADS: list[threading.Thread] = []
_FINALIZERS: list[weakref.finalize[Any, Any]] = []


def _tear_down() -> None:
    while (held := _ENDING.get()) is not None:
        _drain(held)
        held.clear()
        del held


def _drain(held: list[Any]) -> None:
    """Wait until a pipeline has done what it has begun."""
    while held:
        try:
            held[0].share_outputs()
        except StopIteration:
            return
        except RuntimeError:
            pass  # a batch that it could not decode
        held[0].release_outputs()


@atexit.register
def _end() -> None:
    """Pipelines that are still alive end while DALI is still whole."""
    for finalizer in _FINALIZERS:
        finalizer()
    _ENDING.put(None)
    for thread in _THREADS:
        thread.join(EXIT_S)
