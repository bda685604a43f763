"""SIGTERM, SIGINT and SIGUSR1 as a clean stop: the step ends, a checkpoint is written, the exit status is 75."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

from maskgen.errors import Interrupted

_NAMES = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class StopRequest:
    """False until a stop signal arrives, while entered. The second signal does not wait for the step's end."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[signal.Signals, object] = {}

    def __bool__(self) -> bool:
        return self._asked

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
        if self._asked:
            raise interrupted()
        self._asked = True


def interrupted() -> Interrupted:
    """The error that ends an interrupted run."""
    return Interrupted("stopped by a signal", remedy="run the same command again to resume")
