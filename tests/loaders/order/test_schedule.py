"""The order of an epoch: a permutation, random enough, and the same batches whatever the ranks and the interruptions."""

from __future__ import annotations

import itertools
import json
import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgen.errors import UsageError
from maskgen.loaders.order.permutation import mix64, permute, stream_key
from maskgen.loaders.order.schedule import GlobalOrder, LoaderState, Schedule, WindowOrder, epoch_order

SIZES = (1, 2, 3, 7, 64, 1000, 65_535, 65_536, 65_537, 70_001, 131_072, 200_003)


def window_order(shard_sizes: list[int], window: int, seed: int = 0, epoch: int = 0) -> WindowOrder:
    return WindowOrder(np.cumsum([0, *shard_sizes]), seed, epoch, window)


def whole(order: Any) -> np.ndarray:
    return order[np.arange(len(order))]


def test_splitmix64_against_its_published_sequence() -> None:
    """The first outputs for seed 1234567, as in the reference C code's test vectors."""
    states = (np.arange(1, 6, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) + np.uint64(1234567)
    expected = [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
    ]  # fmt: skip
    assert mix64(states).tolist() == expected


@pytest.mark.parametrize("samples", SIZES)
def test_every_sample_once(samples: int) -> None:
    for seed, epoch in ((0, 0), (0, 1), (2**63, 5), (17, 10**6)):
        assert (np.sort(epoch_order(samples, seed, epoch)) == np.arange(samples)).all()


@pytest.mark.parametrize("samples", [1000, 70_001])
def test_order_depends_on_seed_and_epoch_and_nothing_else(samples: int) -> None:
    first = epoch_order(samples, 3, 4)
    assert (epoch_order(samples, 3, 4) == first).all()
    for other in ((3, 5), (4, 4), (4, 3), (0, 0)):
        same = (epoch_order(samples, *other) == first).mean()
        assert same < 10 / samples + 0.002


def test_the_order_of_this_version_is_part_of_the_format() -> None:
    """A saved state must find the same order after an upgrade: these numbers may never change."""
    assert epoch_order(10, 0, 0).tolist() == RECORDED[10]
    assert epoch_order(100_000, 1, 2)[:5].tolist() == RECORDED[100_000]
    assert whole(window_order([3, 2, 4], 2, 1, 2)).tolist() == RECORDED["window"]


RECORDED: dict[Any, list[int]] = {
    10: [3, 8, 1, 6, 2, 5, 4, 9, 0, 7],
    100_000: [97588, 23108, 85074, 73811, 21237],
    "window": [0, 7, 5, 1, 6, 2, 8, 3, 4],
}


@pytest.mark.parametrize("samples", [5000, 100_003])
def test_any_part_is_the_part_of_the_whole(samples: int) -> None:
    order, rng = GlobalOrder(samples, 5, 6), np.random.default_rng(0)
    everything = epoch_order(samples, 5, 6)
    for shape in ((1,), (256,), (3, 7), (0,)):
        positions = rng.integers(0, samples, shape)
        assert (order[positions] == everything[positions]).all()
        assert order[positions].shape == shape


@pytest.mark.parametrize("position", [-1, 10])
def test_positions_outside(position: int) -> None:
    for order in (GlobalOrder(10, 0, 0), window_order([5, 5], 1)):
        with pytest.raises(IndexError):
            order[np.array([position])]


@pytest.mark.parametrize("samples", [3, 4])
def test_small_permutations_are_all_equally_likely(samples: int) -> None:
    """Chi-squared over all n! permutations; the bound is the 1 - 1e-6 quantile for 5 and 23 degrees of freedom."""
    draws = 12_000
    found = Counter(tuple(epoch_order(samples, seed, 0).tolist()) for seed in range(draws))
    kinds = len(list(itertools.permutations(range(samples))))
    expected = draws / kinds
    assert len(found) == kinds
    chi2 = sum((count - expected) ** 2 / expected for count in found.values())
    assert chi2 < {3: 36.0, 4: 70.0}[samples]


@pytest.mark.parametrize("samples", [50_000, 70_001, 131_071])
def test_positions_are_uniform_and_uncorrelated(samples: int) -> None:
    """Against the moments of a uniform permutation, at five standard deviations."""
    order = epoch_order(samples, 11, 3).astype(np.float64)
    cells = np.histogram2d(np.arange(samples), order, bins=20)[0]
    expected = samples / 400
    chi2 = ((cells - expected) ** 2 / expected).sum()
    assert abs(chi2 - 361) < 5 * np.sqrt(2 * 361)
    for lag in (1, 2, 16, 1000):
        r = np.corrcoef(order[:-lag], order[lag:])[0, 1]
        assert abs(r) < 5 / np.sqrt(samples)
    rises = (np.diff(order) > 0).sum()
    assert abs(rises - (samples - 1) / 2) < 5 * np.sqrt((samples + 1) / 12)
    fixed = (epoch_order(samples, 11, 3) == np.arange(samples)).sum()
    assert fixed < 10  # Poisson with mean 1


@pytest.mark.parametrize("samples", [4096, 100_000])
def test_neighbours_of_a_shard_land_anywhere(samples: int) -> None:
    """The distance of two random places is d with density 2(1 - d): median 1 - 1/sqrt(2), mean 1/3 of the epoch."""
    place = np.empty(samples, np.int64)
    place[epoch_order(samples, 0, 0)] = np.arange(samples)
    distance = np.abs(np.diff(place)) / samples
    assert abs(np.median(distance) - (1 - np.sqrt(0.5))) < 5 * 0.36 / np.sqrt(samples)
    assert abs(distance.mean() - 1 / 3) < 5 * np.sqrt(1 / 18 / samples)


def test_two_epochs_are_unrelated() -> None:
    for samples in (20_000, 80_000):
        one, two = epoch_order(samples, 0, 0), epoch_order(samples, 0, 1)
        assert abs(np.corrcoef(one, two)[0, 1]) < 5 / np.sqrt(samples)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    window=st.integers(1, 8),
    seed=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 1000),
)
def test_windows_hold_whole_shards(sizes: list[int], window: int, seed: int, epoch: int) -> None:
    order = window_order(sizes, window, seed, epoch)
    samples = whole(order)
    assert (np.sort(samples) == np.arange(sum(sizes))).all()
    shard_of = np.repeat(np.arange(len(sizes)), sizes)[samples]
    begin, seen = 0, set()
    while begin < len(samples):
        inside: dict[int, int] = {}
        end = begin
        while end < len(samples) and (len(inside) < window or shard_of[end] in inside):
            inside.setdefault(int(shard_of[end]), 0)
            end += 1
            full = sum(sizes[s] for s in inside)
            if len(inside) == window and end - begin == full:
                break
        assert end - begin == sum(sizes[s] for s in inside), "a window ended before its shards did"
        assert not seen & inside.keys()
        seen |= inside.keys()
        begin = end


def test_window_order_is_shuffled_within_and_among_windows() -> None:
    order = window_order([100] * 64, 8, 1, 0)
    shard_of = whole(order) // 100
    mixed = [len(set(shard_of[k : k + 100].tolist())) for k in range(0, 6400, 800)]
    assert min(mixed) == 8
    firsts = [tuple(sorted(set(shard_of[k : k + 800].tolist()))) for k in range(0, 6400, 800)]
    assert firsts != [tuple(range(8 * k, 8 * k + 8)) for k in range(8)]
    assert (whole(window_order([100] * 64, 8, 1, 1)) != whole(order)).mean() > 0.95


def test_window_of_all_shards_is_a_global_shuffle_of_them() -> None:
    samples = whole(window_order([500] * 20, 20))
    place = np.empty(10_000, np.int64)
    place[samples] = np.arange(10_000)
    assert abs(np.median(np.abs(np.diff(place))) / 10_000 - 0.293) < 0.02


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


def test_resume_at_a_hundred_random_stops_on_another_number_of_ranks() -> None:
    """What follows a stop is the rest of the undisturbed sequence, for every split of the same global batch."""
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


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"seed": "0"},
        {"epoch": -1},
        {"samples_done": 1.5},
        {"samples_done": True},
        {"dataset": None},
        {"more": 1},
    ],
)
def test_state_of_something_else(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no state of a loader"):
        LoaderState.from_dict({**LoaderState(0, 0, 0, "d").to_dict(), **change})
    for nothing in ({}, None, [1]):
        with pytest.raises(UsageError, match="no state of a loader"):
            LoaderState.from_dict(nothing)  # type: ignore[arg-type]


def test_state_of_another_data_set_or_order() -> None:
    state = LoaderState(0, 0, 0, "d", "global")
    state.check("d", "global")
    with pytest.raises(UsageError, match="another data set"):
        state.check("e", "global")
    with pytest.raises(UsageError, match="shards:16"):
        state.check("d", "shards:16")


def test_three_hundred_million_samples_need_no_memory() -> None:
    """A batch of a huge epoch is as it would be in the whole: its positions invert."""
    samples = 300_000_000
    order = GlobalOrder(samples, 1, 1)
    schedule = Schedule(samples, 64, 5, 8)
    batches = [schedule.batch(order, step) for step in range(0, schedule.steps, schedule.steps // 50)]
    found = np.concatenate(batches)
    assert len(np.unique(found)) == len(found)
    assert found.min() >= 0
    assert found.max() < samples
    assert abs(found.mean() / samples - 0.5) < 5 / np.sqrt(12 * len(found))
    assert len(pickle.dumps(order)) < 1000


def test_permute_is_a_bijection_for_every_key_of_a_small_feistel() -> None:
    key = stream_key(1, 2, 3)
    for samples in (65_537, 98_304, 131_072):
        numbers = permute(np.arange(samples), samples, key)
        assert np.bincount(numbers, minlength=samples).tolist() == [1] * samples


@pytest.mark.parametrize("one", [(0, 0), (0, 1), (1, 0), (0,), (1,), (0, 0, 0), (2**64 - 1,)])
def test_stream_keys_differ(one: tuple[int, ...]) -> None:
    others = [(0, 0), (0, 1), (1, 0), (0,), (1,), (0, 0, 0), (2**64 - 1,), (2, 2)]
    assert [stream_key(*other) == stream_key(*one) for other in others].count(True) == 1
