from __future__ import annotations

import threading
import time

import pytest

from maskgen.processes.threads import map_threads


def test_results_come_in_order_and_few_wait() -> None:
    begun: list[int] = []

    def slowly(number: int) -> int:
        begun.append(number)
        time.sleep(0.002 * (number % 3))
        return number

    results = map_threads(slowly, range(40), threads=3)
    assert [next(results) for _ in range(5)] == list(range(5))
    assert len(begun) <= 5 + 2 * 3 + 1
    assert list(results) == list(range(5, 40))


def test_an_error_ends_the_work_and_no_thread_stays() -> None:
    before = threading.active_count()
    begun: list[int] = []

    def fails(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise OSError("gone")
        return number

    with pytest.raises(OSError, match="gone"):
        list(map_threads(fails, range(1000), threads=2))
    assert len(begun) < 20
    assert threading.active_count() == before
