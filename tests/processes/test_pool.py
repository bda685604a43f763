"""Worker processes as their owners see them: answers, deaths, hangs, and the end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import pytest

from maskgen.processes.pool import Worker, Workers


def serve(pipe: Connection, slots: Any, factor: int) -> None:
    """Multiplies; dies of -1, sleeps over -2, and tells -3 how it ignores signals."""
    while True:
        number = pipe.recv()
        slots[2] += 1
        if number == -1:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == -2:
            time.sleep(600)
        if number == -3:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
        pipe.send(factor * number)


@pytest.fixture
def workers() -> Iterator[Workers[int]]:
    made: Workers[int] = Workers()
    yield made
    made.close()


def answer(workers: Workers[int]) -> tuple[int, Any]:
    while True:
        for one in workers.answers(0.2):
            return one


def lost(workers: Workers[int], after_s: float = 1e9) -> tuple[Worker[int], bool]:
    def hangs(worker: Worker[int]) -> bool:
        return worker.task is not None and time.monotonic() - worker.since > after_s

    while True:
        for one in workers.lost(hangs):
            return one
        time.sleep(0.05)


@pytest.mark.slow
def test_each_answers_one_task_at_a_time_and_is_idle_again(workers: Workers[int]) -> None:
    one, two = workers.start(serve, 10), workers.start(serve, 100)
    workers.send(one, 1)
    workers.send(two, 2)
    assert sorted([answer(workers), answer(workers)]) == [(1, 10), (2, 200)]
    assert (one.task, two.task) == (None, None)
    workers.send(one, -3)
    assert answer(workers) == (-3, -30)
    assert (one.slots[2], two.slots[2]) == (2.0, 1.0)
    assert list(workers.lost(lambda _: False)) == []


@pytest.mark.slow
def test_a_death_and_a_hang_are_told_with_their_tasks_and_cost_no_other(workers: Workers[int]) -> None:
    dies, hangs, lives = (workers.start(serve, 10) for _ in range(3))
    workers.send(dies, -1)
    worker, hung = lost(workers)
    assert (worker is dies, worker.task, hung, worker.process.exitcode) == (True, -1, False, -signal.SIGKILL)
    workers.send(hangs, -2)
    worker, hung = lost(workers, after_s=0.5)
    assert (worker is hangs, worker.task, hung, worker.process.is_alive()) == (True, -2, True, False)
    assert workers.alive == [lives]
    workers.send(lives, 4)
    assert answer(workers) == (4, 40)


def test_a_worker_that_died_idle_takes_a_task_without_an_error_and_is_then_lost(
    workers: Workers[int],
) -> None:
    worker = workers.start(serve, 10)
    worker.process.kill()
    worker.process.join()
    workers.send(worker, 5)
    assert list(workers.answers(0.1)) == []
    assert lost(workers)[0].task == 5


@pytest.mark.slow
def test_closing_ends_idle_and_busy_ones(workers: Workers[int]) -> None:
    idle, busy = workers.start(serve, 10), workers.start(serve, 10)
    workers.send(idle, 1)
    assert answer(workers) == (1, 10)
    workers.send(busy, -2)
    workers.close()
    assert workers.alive == []
    assert idle.process.exitcode == 0, "by itself, when its pipe closed"
    assert busy.process.exitcode == -signal.SIGKILL
