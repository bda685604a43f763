"""SIGTERM, SIGINT and SIGUSR1 as a clean stop with exit status 75."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

from maskgen.errors import Interrupted

_NAMES = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


def interrupted() -> Interrupted:
    """The error that ends an interrupted run."""
    return Interrupted("stopped by a signal", remedy="run the same command again to resume")


class StopSignals:
    """Counts stop signals while entered.

    The first asks to finish the running shards, the second to drop them. While `at_once` is set, as it is
    during planning, the first raises Interrupted where it arrives.
    """

    def __init__(self) -> None:
        self.at_once = True
        self._count = 0
        self._before: dict[signal.Signals, object] = {}

    def __call__(self) -> int:
        """0 go on, 1 finish the running shards, 2 drop them."""
        return min(self._count, 2)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in _NAMES:
                self._before[name] = signal.signal(name, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._before.items():
            signal.signal(name, handler)  # type: ignore[arg-type] # what signal.signal itself gave us

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self.at_once:
            raise interrupted()
