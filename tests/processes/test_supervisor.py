"""Worker processes: order, faults, deaths and hangs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from maskgen.errors import EnvironmentFault, ImageFault, UsageError
from maskgen.processes.supervisor import Loss, Supervisor, map_in_order
from maskgen.processes.watch import Watch


def square(number: int) -> int:
    time.sleep(0.02 * (number % 3))  # so that they do not end in their order
    return number * number


def picky(number: int) -> int:
    if number == 1:
        raise ImageFault("truncated", "here")
    if number == 2:
        raise ZeroDivisionError("two")
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 4:
        time.sleep(60)
    return number


class DiesOnce:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __call__(self, number: int) -> int:
        if number == 1 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number


def wrong(_: int) -> int:
    raise UsageError("wrong for all of them")


def deadly(_: int) -> int:
    os._exit(3)


@pytest.mark.slow
def test_results_come_in_the_items_order() -> None:
    assert list(map_in_order(square, range(9), workers=2)) == [n * n for n in range(9)]
    assert list(map_in_order(square, [], workers=2)) == []


@pytest.mark.slow
def test_faults_deaths_and_hangs_cost_their_item_only() -> None:
    found = list(map_in_order(picky, range(7), workers=2, timeout_s=4))
    faults = {number: str(one) for number, one in enumerate(found) if isinstance(one, ImageFault)}
    assert {number: text.partition(":")[0] for number, text in faults.items()} == {
        1: "truncated",
        2: "method-error",
        3: "crash",
        4: "hang",
    }
    assert "ZeroDivisionError: two" in faults[2]
    assert [one for one in found if not isinstance(one, ImageFault)] == [0, 5, 6]


@pytest.mark.slow
def test_a_death_that_does_not_come_back_is_forgiven(tmp_path: Path) -> None:
    assert list(map_in_order(DiesOnce(tmp_path / "died"), range(3), workers=1)) == [0, 1, 2]


@pytest.mark.slow
def test_other_errors_end_the_work() -> None:
    with pytest.raises(UsageError, match="wrong for all"):
        list(map_in_order(wrong, range(3), workers=1))


@pytest.mark.slow
def test_workers_that_always_die_are_not_blamed_on_all_items() -> None:
    with pytest.raises(EnvironmentFault, match="keep dying"):
        list(map_in_order(deadly, range(9), workers=1))


def count_to(pipe: Connection, slots: Any) -> None:
    """Works on items 0, 1, ... of its task; the item of the task's value kills it, and -1 makes it hang on
    item 2.
    """
    watch = Watch(slots)
    while True:
        deadly = pipe.recv()
        for item in range(4):
            with watch.image(item):
                if item == deadly:
                    os._exit(5)
                if deadly == -1 and item == 2:
                    time.sleep(600)
        pipe.send("done")


@pytest.mark.slow
def test_a_loss_names_the_item_that_the_worker_was_on_and_the_reason() -> None:
    losses: list[Loss[int]] = []
    supervisor: Supervisor[int] = Supervisor(
        lambda workers: workers.start(count_to), 2, losses.append, timeout_s=1.0
    )
    supervisor.queue.extend([3, -1, 9])
    answers = []
    try:
        while supervisor.queue or supervisor.running:
            supervisor.hand_out()
            answers += list(supervisor.answers(0.1))
            supervisor.check()
    finally:
        supervisor.close()
    assert answers == [(9, "done")]
    assert sorted(losses, key=lambda loss: loss.task) == [
        Loss(-1, 2, "hang: more than 1 s", hung=True),
        Loss(3, 3, "crash: the worker exited with status 5", hung=False),
    ]


def test_items_are_taken_a_few_at_a_time() -> None:
    """So that large ones need not lie in memory together."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(40):
            taken.append(number)
            yield number

    results = map_in_order(abs, items(), workers=1)
    assert next(results) == 0
    assert len(taken) == 4
    assert list(results) == list(range(1, 40))


def test_without_workers_the_items_are_done_here_by_the_same_rules() -> None:
    found = list(map_in_order(picky, range(3), workers=0))
    assert found[0] == 0
    assert [str(one) for one in found[1:]] == ["truncated: here", "method-error: ZeroDivisionError: two"]
    with pytest.raises(UsageError, match="wrong for all"):
        list(map_in_order(wrong, range(3), workers=0))
