"""How pipelines end: with their owner, at once, and only after what they have begun. Real pipelines of
DALI.
"""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest
from nvidia.dali import fn, types
from nvidia.dali.pipeline import Pipeline

from maskgen.loaders.dali.teardown import Pending, teardown, teardown_with, wait_for


class Owner:
    """Something that may go."""


def pipeline(calls: list[int], *, fails: bool = False, pause_s: float = 0.0) -> Any:
    """A pipeline whose graph calls Python; `calls` notes each run."""

    def work(array: Any) -> Any:
        time.sleep(pause_s)
        calls.append(1)
        if fails:
            raise ValueError("on purpose")
        return array

    made = Pipeline(1, 1, None, exec_async=True, exec_pipelined=True, prefetch_queue_depth=1)
    with made:
        source = fn.external_source(name="in", dtype=types.UINT8, ndim=1)
        made.set_outputs(fn.python_function(source, function=work, num_outputs=1))
    made.build()
    return made


def run(made: Any) -> None:
    made.feed_input("in", [np.arange(3, dtype=np.uint8)])
    made.schedule_run()


def until(condition: Any) -> bool:
    for _ in range(200):
        gc.collect()
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_waiting_gives_each_batch_its_outputs() -> None:
    made = pipeline([])
    run(made)
    batch = Pending()
    wait_for(made, [batch])
    assert np.array(batch.outputs[0].at(0)).tolist() == [0, 1, 2]
    assert batch.error is None


def test_waiting_gives_a_batch_its_error() -> None:
    made = pipeline([], fails=True)
    run(made)
    batch = Pending()
    wait_for(made, [batch])
    assert isinstance(batch.error, RuntimeError)
    assert "on purpose" in str(batch.error)


def test_a_batch_that_is_done_is_not_waited_for() -> None:
    failed = Pending(error=ValueError())
    wait_for(None, [failed, Pending(outputs=())])


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True])
def test_a_pipeline_ends_behind_its_owner_and_behind_its_last_run(fails: bool) -> None:
    calls: list[int] = []
    owner, held = Owner(), [pipeline(calls, fails=fails, pause_s=0.3)]
    gone = weakref.ref(held[0])
    run(held[0])
    teardown_with(owner, held)
    assert held
    del owner, held
    assert until(lambda: gone() is None)
    assert calls == [1]


@pytest.mark.slow
def test_a_pipeline_ends_at_once_when_told() -> None:
    calls: list[int] = []
    held = [pipeline(calls)]
    owner = Owner()
    teardown_with(owner, held)
    gone = weakref.ref(held[0])
    run(held[0])
    teardown(held)
    assert not held
    assert until(lambda: gone() is None)
    assert calls == [1]


def test_one_thread_ends_them_all() -> None:
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("maskgen-teardown") == 1
