"""Worker processes: order, faults, deaths and hangs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from maskgen.errors import EnvironmentFault, ImageFault, UsageError
from maskgen.pipelines.deepusps.workers import in_order


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


def test_results_come_in_the_items_order() -> None:
    assert list(in_order(square, range(9), workers=2)) == [n * n for n in range(9)]
    assert list(in_order(square, [], workers=2)) == []


def test_faults_deaths_and_hangs_cost_their_item_only() -> None:
    found = list(in_order(picky, range(7), workers=2, timeout_s=4))
    faults = {number: str(one) for number, one in enumerate(found) if isinstance(one, ImageFault)}
    assert {number: text.partition(":")[0] for number, text in faults.items()} == {
        1: "truncated", 2: "method-error", 3: "crash", 4: "hang",
    }  # fmt: skip
    assert "ZeroDivisionError: two" in faults[2]
    assert [one for one in found if not isinstance(one, ImageFault)] == [0, 5, 6]


def test_a_death_that_does_not_come_back_is_forgiven(tmp_path: Path) -> None:
    assert list(in_order(DiesOnce(tmp_path / "died"), range(3), workers=1)) == [0, 1, 2]


def test_other_errors_end_the_work() -> None:
    with pytest.raises(UsageError, match="wrong for all"):
        list(in_order(wrong, range(3), workers=1))


def test_workers_that_always_die_are_not_blamed_on_all_items() -> None:
    with pytest.raises(EnvironmentFault, match="keep dying"):
        list(in_order(deadly, range(9), workers=1))
