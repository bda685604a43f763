"""How a DALI pipeline ends: in a thread of its own, when all that it has begun is done.

A pipeline whose graph calls Python must not be destroyed just anywhere. Garbage collection may run in the middle of
any lock, or in the very thread that the pipeline waits for; and while the interpreter takes itself down, DALI's own
destructor fails. So the last thing a stream does is to hand its pipeline over to a thread that holds nothing.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskgen.loaders.feed import Feed

EXIT_S = 20.0
"""How long the interpreter waits at its end for pipelines to finish."""


@dataclass(slots=True, eq=False)
class Flight:
    """One batch in flight: its feed, and when it has landed its outputs or what went wrong."""

    feed: Feed | None = None
    outputs: Any = None
    error: BaseException | None = None


def land(pipeline: Any, flights: Iterable[Flight]) -> None:
    """Wait for flights, in the order in which they were started."""
    for flight in flights:
        if flight.outputs is None and flight.error is None:
            try:
                flight.outputs = pipeline.share_outputs()
            except RuntimeError as error:
                flight.error = error
            pipeline.release_outputs()


def retire_with(owner: object, held: list[Any], flying: deque[Flight]) -> None:
    """Retire the pipeline in `held` once `owner` is gone, or at the interpreter's end.

    Args:
        owner: holds `held` and `flying`.
        held: the pipeline, and behind it others that need no waiting for; no other reference to them may stay.
        flying: what it has begun.
    """
    finalizer = weakref.finalize(owner, _RETIRED.put, (held, flying))
    finalizer.atexit = False
    with _STARTING:
        _FINALIZERS[:] = [other for other in _FINALIZERS if other.alive]
        _FINALIZERS.append(finalizer)
        if len(_THREADS) == 0:
            _THREADS.append(threading.Thread(target=_retire, name="maskgen-retire", daemon=True))
            _THREADS[0].start()


_RETIRED: SimpleQueue[tuple[list[Any], deque[Flight]] | None] = SimpleQueue()
_STARTING = threading.Lock()
_THREADS: list[threading.Thread] = []
_FINALIZERS: list[weakref.finalize[Any, Any]] = []


def _retire() -> None:
    while (item := _RETIRED.get()) is not None:
        held, flying = item
        land(held[0], flying)
        flying.clear()
        held.clear()
        del item, held, flying


@atexit.register
def _end() -> None:
    """Pipelines that are still alive end while DALI is still whole."""
    for finalizer in _FINALIZERS:
        finalizer()
    _RETIRED.put(None)
    for thread in _THREADS:
        thread.join(EXIT_S)
