"""A bounded number of open files, shared by threads, closed when idle and least recently used."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from maskgen.errors import EnvironmentFault


@dataclass(slots=True)
class _Held:
    descriptor: int
    users: int


class OpenFiles:
    """Open files by number.

    Args:
        opener: opens the file of a number and returns its descriptor.
        capacity: idle files kept open; None: a quarter of the process's limit, at most 256.
    """

    def __init__(self, opener: Callable[[int], int], capacity: int | None = None) -> None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        quarter = limit // 4 if limit != resource.RLIM_INFINITY else 256
        self.capacity = min(256, quarter) if capacity is None else capacity
        self._opener = opener
        self._lock = threading.Lock()
        self._held: OrderedDict[int, _Held] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    @contextlib.contextmanager
    def use(self, number: int) -> Iterator[int]:
        """The descriptor of a file, which stays open inside the context.

        Raises:
            OSError: what `opener` raises; when the process has no descriptor left, idle files are closed
                first.
        """
        held = self._acquire(number)
        try:
            yield held.descriptor
        finally:
            with self._lock:
                held.users -= 1
                self._shrink(self.capacity)

    def close(self) -> None:
        """Close all idle files."""
        with self._lock:
            self._shrink(0)

    def _acquire(self, number: int) -> _Held:
        with self._lock:
            held = self._held.get(number)
            if held is not None:
                self._held.move_to_end(number)
                held.users += 1
                return held
        descriptor = self._open(number)  # outside the lock: it may fetch the file
        with self._lock:
            held = self._held.get(number)
            if held is None:
                self._held[number] = held = _Held(descriptor, 0)
            else:
                os.close(descriptor)  # another thread was faster
            held.users += 1
            return held

    def _open(self, number: int) -> int:
        try:
            return self._opener(number)
        except (OSError, EnvironmentFault) as error:
            if not _exhausted(error):
                raise
        self.close()
        return self._opener(number)

    def _shrink(self, capacity: int) -> None:
        """Close idle files, the least recently used first, until at most `capacity` are open."""
        for number in list(self._held) if len(self._held) > capacity else ():
            if len(self._held) <= capacity:
                return
            if not self._held[number].users:
                os.close(self._held.pop(number).descriptor)


def _exhausted(error: BaseException | None) -> bool:
    """Whether no descriptor was left."""
    if isinstance(error, OSError):
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return error is not None and _exhausted(error.__cause__)
