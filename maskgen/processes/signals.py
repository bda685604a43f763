"""SIGTERM, SIGINT and SIGUSR1 as a clean stop with exit status 75."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from ..errors import Interrupted

_NAMES = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


def interrupted(lost: str = "") -> Interrupted:
    """The error that ends an interrupted run.

    Args:
        lost: what was under way, and what becomes of it, as a sentence without its full stop.
    """
    what = f"stopped by a signal: {lost}" if lost else "stopped by a signal"
    return Interrupted(what, remedy="run the same command again to resume")


class StopSignals:
    """Counts stop signals while entered, which may be nested; true when one has come.

    Args:
        patience: how many are noted only; the next raises Interrupted where it arrives. May be changed at any
            time.
    """

    def __init__(self, patience: float = 0) -> None:
        self.patience = patience
        self.count = 0
        self._before: list[dict[signal.Signals, Any]] = []

    def __bool__(self) -> bool:
        return self.count > 0

    def __enter__(self) -> Self:
        mine = threading.current_thread() is threading.main_thread()
        self._before.append({name: signal.signal(name, self._note) for name in _NAMES} if mine else {})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._before.pop().items():
            signal.signal(name, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count > self.patience:
            raise interrupted()
