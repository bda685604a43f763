"""The order of an epoch: a permutation, random enough, and never another in a later version."""

from __future__ import annotations

import itertools
import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgen.loaders.order.schedule import Schedule
from maskgen.loaders.order.shuffle import GlobalOrder, WindowOrder, epoch_order

SIZES = (1, 2, 3, 7, 64, 1000, 65_535, 65_536, 65_537, 70_001, 131_072, 200_003)


def window_order(shard_sizes: list[int], window: int, seed: int = 0, epoch: int = 0) -> WindowOrder:
    return WindowOrder(np.cumsum([0, *shard_sizes]), seed, epoch, window)


def whole(order: Any) -> np.ndarray:
    return order[np.arange(len(order))]


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("samples", [3, 4])
def test_small_permutations_are_all_equally_likely(samples: int) -> None:
    """Chi-squared over all n! permutations; the bound is the 1 - 1e-6 quantile for 5 and 23 degrees of
    freedom.
    """
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
def test_neighbors_of_a_shard_land_anywhere(samples: int) -> None:
    """The distance of two random places is d with density 2(1 - d): median 1 - 1/sqrt(2), mean 1/3 of the
    epoch.
    """
    place = np.empty(samples, np.int64)
    place[epoch_order(samples, 0, 0)] = np.arange(samples)
    distance = np.abs(np.diff(place)) / samples
    assert abs(np.median(distance) - (1 - np.sqrt(0.5))) < 5 * 0.36 / np.sqrt(samples)
    assert abs(distance.mean() - 1 / 3) < 5 * np.sqrt(1 / 18 / samples)


def test_two_epochs_are_unrelated() -> None:
    for samples in (20_000, 80_000):
        one, two = epoch_order(samples, 0, 0), epoch_order(samples, 0, 1)
        assert abs(np.corrcoef(one, two)[0, 1]) < 5 / np.sqrt(samples)


@pytest.mark.slow
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
