"""What was handed out as tensors and a GPU may still be reading."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol


class Mark(Protocol):
    """A place in what a GPU has to do, as `torch.cuda.Event`."""

    def query(self) -> bool:
        """Whether the GPU has come to it."""
        ...


class Lent:
    """Keeps DALI's outputs alive until the kernels that read them are done.

    A batch's tensors are DALI's own memory. When the last of them is dropped DALI may fill it with the next
    batch at once, in a stream of its own; but Python is ahead of the GPU, so that kernels which read the
    dropped batch may not have begun. What a consumer does with a batch, it has begun by the time it asks for
    the next one: a mark is set then, and the batch is let go when the GPU has come to it. A consumer that
    keeps a batch's tensors longer, and drops them while they are read in another stream, is on its own.

    Args:
        mark: sets a mark in the consumer's stream.
    """

    def __init__(self, mark: Callable[[], Mark]) -> None:
        self._mark = mark
        self._last: Any = None
        self._marked: deque[tuple[Mark, Any]] = deque()

    def __len__(self) -> int:
        """Batches that are kept."""
        return len(self._marked) + (self._last is not None)

    def lend(self, outputs: Any) -> None:
        """Keep a batch's outputs, and let go of those that have been read."""
        if self._last is not None:
            self._marked.append((self._mark(), self._last))
        self._last = outputs
        while self._marked and self._marked[0][0].query():
            self._marked.popleft()


def mark_stream() -> Mark:
    """A mark in torch's current stream."""
    import torch

    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    return event
