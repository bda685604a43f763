"""A thread that works ahead: order, errors, cancelling, and owners that go away."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from maskgen.loaders.prefetch import StepsAhead, WorkAhead


def test_calls_are_made_in_order_and_in_one_other_thread() -> None:
    ahead, seen = WorkAhead("maskgen-test"), []
    jobs = [ahead.submit(lambda k=k: seen.append(k) or threading.current_thread().name) for k in range(50)]
    assert {job.result() for job in reversed(jobs)} == {"maskgen-test"}
    assert seen == list(range(50))


def test_an_error_comes_to_who_asks_and_the_thread_goes_on() -> None:
    ahead = WorkAhead("maskgen-test")
    bad, good = ahead.submit(lambda: 1 // 0), ahead.submit(lambda: 3)
    with pytest.raises(ZeroDivisionError):
        bad.result()
    assert good.result() == 3


def test_what_was_cancelled_before_its_turn_is_not_called() -> None:
    ahead, gate, seen = WorkAhead("maskgen-test"), threading.Event(), []
    ahead.submit(gate.wait)
    for k in range(4):
        job = ahead.submit(lambda k=k: seen.append(k))
        if k % 2:
            job.cancel()
    gate.set()
    ahead.wait()
    assert seen == [0, 2]


@pytest.mark.slow
def test_the_thread_ends_with_its_owner() -> None:
    ahead = WorkAhead("maskgen-gone")
    ahead.wait()
    del ahead
    gc.collect()
    deadline = time.monotonic() + 20
    while any(thread.name == "maskgen-gone" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_the_interpreter_waits_for_a_call_that_runs_at_its_end() -> None:
    program = """
import sys, time
from maskgen.loaders.prefetch import WorkAhead
ahead = WorkAhead("late")
ahead.submit(lambda: (time.sleep(0.3), print("made", flush=True)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "made\n", "")


def test_steps_come_in_order_a_few_ahead_and_begin_anew() -> None:
    steps, made = StepsAhead[int]("maskgen-test", 2), []

    def call(step: int) -> int:
        made.append(step)
        return step

    steps.restart(partial(call, step) for step in range(10))
    assert [steps.next() for _ in range(3)] == [0, 1, 2]
    steps.restart(partial(call, step) for step in range(20, 22))
    assert set(made) <= {0, 1, 2, 3, 4}
    assert [steps.next(), steps.next()] == [20, 21]
    steps.restart(iter(()))
    assert made[-2:] == [20, 21]
