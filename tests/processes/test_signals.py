"""Stop signals: counted, raised when patience ends, and handed back."""

from __future__ import annotations

import math
import os
import signal
import threading

import pytest

from maskgen.errors import Interrupted
from maskgen.processes.signals import StopSignals

NAMES = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


def send(name: signal.Signals) -> None:
    os.kill(os.getpid(), name)


@pytest.mark.parametrize("name", NAMES)
def test_without_patience_the_first_raises_where_it_arrives(name: signal.Signals) -> None:
    with pytest.raises(Interrupted, match="again to resume"), StopSignals():
        send(name)


def test_patience_notes_so_many_and_may_change() -> None:
    with StopSignals(patience=1) as stop:
        assert not stop
        send(signal.SIGTERM)
        assert stop
        stop.patience = math.inf
        send(signal.SIGINT)
        assert stop.count == 2
        stop.patience = 2
        with pytest.raises(Interrupted):
            send(signal.SIGTERM)


def test_handlers_come_back_also_when_nested() -> None:
    before = [signal.getsignal(name) for name in NAMES]
    stop = StopSignals(patience=9)
    with stop:
        with stop:
            send(signal.SIGUSR1)
        send(signal.SIGUSR1)
    assert stop.count == 2
    assert [signal.getsignal(name) for name in NAMES] == before


def test_another_thread_leaves_the_handlers_alone() -> None:
    seen = []

    def enter() -> None:
        with StopSignals():
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]
