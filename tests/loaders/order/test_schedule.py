"""The order of an epoch: a permutation, random enough, and the same batches whatever the ranks and the
interruptions.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from maskgen.errors import UsageError
from maskgen.loaders.order.schedule import Schedule
from maskgen.loaders.order.shuffle import GlobalOrder, WindowOrder, epoch_order
from maskgen.loaders.order.state import LoaderState


def window_order(shard_sizes: list[int], window: int, seed: int = 0, epoch: int = 0) -> WindowOrder:
    return WindowOrder(np.cumsum([0, *shard_sizes]), seed, epoch, window)


def brute_batches(samples: int, batch: int, world: int, last: str) -> list[list[list[int]]]:
    """Global batches by rank, written as in the documentation."""
    order = epoch_order(samples, 7, 8).tolist()
    chunks = [order[k : k + batch * world] for k in range(0, samples, batch * world)]
    result = []
    for chunk in chunks:
        if len(chunk) < batch * world:
            if last == "drop":
                continue
            if last == "partial":
                ends = [r * len(chunk) // world for r in range(world + 1)]
                result.append([chunk[a:b] for a, b in itertools.pairwise(ends)])
                continue
        full = list(itertools.islice(itertools.chain(chunk, itertools.cycle(order)), batch * world))
        result.append([full[r * batch : (r + 1) * batch] for r in range(world)])
    return result


@pytest.mark.parametrize("last", ["drop", "pad", "partial"])
@pytest.mark.parametrize(("samples", "batch"), [(1000, 16), (97, 3), (64, 4), (5, 1)])
@pytest.mark.parametrize("world", [1, 2, 4, 8])
def test_schedule_against_brute_force(samples: int, batch: int, world: int, last: str) -> None:
    expected = brute_batches(samples, batch, world, last)
    if not expected:
        with pytest.raises(UsageError, match="no global batch"):
            Schedule(samples, batch, 0, world, last)
        return
    order = GlobalOrder(samples, 7, 8)
    ranks = [Schedule(samples, batch, rank, world, last) for rank in range(world)]
    assert {schedule.steps for schedule in ranks} == {len(expected)}
    for step, parts in enumerate(expected):
        assert [schedule.batch(order, step).tolist() for schedule in ranks] == parts
    for step in (-1, len(expected)):
        with pytest.raises(IndexError):
            ranks[0].batch(order, step)


@pytest.mark.parametrize("last", ["drop", "pad", "partial"])
@pytest.mark.parametrize("world", [1, 2, 4, 8])
def test_each_sample_once_per_epoch_on_all_ranks_for_three_epochs(last: str, world: int) -> None:
    for epoch in range(3):
        order = window_order([13] * 9, 3, 5, epoch)
        batches = [
            Schedule(117, 4, rank, world, last).batch(order, step).tolist()
            for rank in range(world)
            for step in range(Schedule(117, 4, rank, world, last).steps)
        ]
        found = Counter(itertools.chain.from_iterable(batches))
        rest = 117 % (4 * world)
        if last == "drop":
            assert len(found) == 117 - rest
            assert set(found.values()) == {1}
        else:
            assert len(found) == 117
            assert sum(found.values()) == (117 if last == "partial" else 117 - rest + 4 * world)


@pytest.mark.slow
def test_resume_at_a_hundred_random_stops_on_another_number_of_ranks() -> None:
    """What follows a stop is the rest of the undisturbed sequence, for every split of the same global
    batch.
    """
    samples, global_batch = 5000, 48
    rng = np.random.default_rng(4)
    layouts = [(1, 48), (2, 24), (3, 16), (8, 6), (48, 1)]

    def sequence(world: int, batch: int, epoch: int, first: int) -> list[int]:
        order = GlobalOrder(samples, 9, epoch)
        ranks = [Schedule(samples, batch, rank, world) for rank in range(world)]
        return [
            number
            for step in range(first, ranks[0].steps)
            for schedule in ranks
            for number in schedule.batch(order, step).tolist()
        ]

    undisturbed = {epoch: sequence(1, 48, epoch, 0) for epoch in range(3)}
    for _ in range(100):
        epoch = int(rng.integers(3))
        (world, batch), (world2, batch2) = (layouts[k] for k in rng.integers(0, len(layouts), 2))
        before = Schedule(samples, batch, 0, world)
        step = int(rng.integers(before.steps + 1))
        saved = json.dumps(LoaderState(9, epoch, before.samples_after(step), "d").to_dict())
        state = LoaderState.from_dict(json.loads(saved))
        first = Schedule(samples, batch2, 0, world2).step_after(state.samples_done)
        assert sequence(world2, batch2, state.epoch, first) == undisturbed[epoch][step * global_batch :]


@pytest.mark.parametrize("last", ["drop", "pad", "partial"])
def test_step_after_is_the_inverse_of_samples_after(last: str) -> None:
    for samples in (100, 103, 99):
        schedule = Schedule(samples, 5, 1, 4, last)
        for step in range(schedule.steps + 1):
            assert schedule.step_after(schedule.samples_after(step)) == step


def test_another_global_batch_goes_on_only_at_its_own_borders() -> None:
    assert Schedule(1000, 20, 0, 3).step_after(240) == 4
    with pytest.raises(UsageError, match="240 samples"):
        Schedule(1000, 50, 0, 1).step_after(240)


@pytest.mark.parametrize(
    "values",
    [
        {"batch_size": 0},
        {"batch_size": -1},
        {"rank": 2, "world": 2},
        {"rank": -1},
        {"world": 0},
        {"last": "repeat"},
    ],
)
def test_schedule_out_of_range(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="out of range"):
        Schedule(**{"samples": 100, "batch_size": 4, **values})
