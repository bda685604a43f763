"""The absorbing chain against walks that are really taken, series and hand-worked chains."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.methods.priors.mc import (
    absorbing_border,
    chain_saliency,
    expected_visits,
    mc,
    middle_share,
    opposite_sides,
)

N = 9


def random_chain(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Symmetric affinities with unit diagonal, their row sums, and the weight of leaving from three nodes."""
    rng = np.random.default_rng(seed)
    raw = rng.random((N, N)) * (rng.random((N, N)) < 0.6)
    weights = raw + raw.T
    chain = np.arange(N - 1)
    weights[chain, chain + 1] = weights[chain + 1, chain] = 0.5
    np.fill_diagonal(weights, 1)
    return weights, weights.sum(axis=1), weights[:, :3].sum(axis=1)


def test_absorbed_time_is_the_mean_length_of_walks() -> None:
    weights, degree, leaving = random_chain(0)
    transition = weights / (degree + leaving)[:, None]
    rng = np.random.default_rng(1)
    walkers = np.repeat(np.arange(N), 4000)
    lengths = np.zeros(walkers.size)
    alive = np.ones(walkers.size, bool)
    reach = np.cumsum(transition, axis=1)
    for _ in range(2000):
        lengths[alive] += 1
        drawn = rng.random(int(alive.sum()))
        after = (drawn[:, None] >= reach[walkers[alive]]).sum(axis=1)  # N: absorbed
        places = np.flatnonzero(alive)
        walkers[places] = np.minimum(after, N - 1)
        alive[places[after == N]] = False
        if not alive.any():
            break
    assert not alive.any()
    simulated = lengths.reshape(N, 4000).mean(axis=1)
    assert np.allclose(expected_visits(transition, np.ones(N)), simulated, rtol=0.08)


@pytest.mark.parametrize("seed", range(4))
def test_visits_are_the_series_of_the_transition_matrix(seed: int) -> None:
    weights, degree, leaving = random_chain(seed)
    transition = weights / (degree + leaving)[:, None]
    value = np.random.default_rng(seed).random(N)
    term, total = value.copy(), np.zeros(N)
    for _ in range(20000):
        total += term
        term = transition @ term
    assert np.allclose(expected_visits(transition, value), total)


def test_a_path_with_absorbing_ends_takes_the_gamblers_time() -> None:
    step = 0.5 * (np.eye(5, k=1) + np.eye(5, k=-1))
    assert np.allclose(expected_visits(step, np.ones(5)), [i * (6 - i) for i in range(1, 6)])


@pytest.mark.parametrize("seed", range(6))
def test_rare_nodes_count_more_only_where_the_time_is_undecided(seed: int) -> None:
    weights, degree, leaving = random_chain(seed)
    transition = weights / (degree + leaving)[:, None]
    inverse = np.linalg.inv(np.eye(N) - transition)
    time = inverse @ np.ones(N)
    time = (time - time.min()) / (time.max() - time.min())
    undecided = middle_share(time) >= 2
    rarity = inverse @ (1 / (degree / degree.sum()))
    rarity = (rarity - rarity.min()) / (rarity.max() - rarity.min())
    assert np.allclose(chain_saliency(weights, degree, leaving), rarity if undecided else time)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0], 1),
        ([0.05, 0.15, 0.45, 0.55, 0.99], (1 + 2 + 5 + 5 + 1) / 5),
        ([0.5], 5),
        ([0.4], 5),
        ([0.399], 4),
    ],
)
def test_middle_share_worked_by_hand(values: list[float], expected: float) -> None:
    assert middle_share(np.array(values)) == pytest.approx(expected)


def test_opposite_sides_are_linked_pixel_by_pixel() -> None:
    labels = np.array([[0, 0, 1], [2, 3, 4], [5, 6, 6]], np.int32)
    expected = {(0, 5), (0, 6), (1, 6), (0, 1), (2, 4), (5, 6)}
    found = opposite_sides(labels, 7)
    assert {(int(i), int(j)) for i, j in np.argwhere(np.triu(found))} == expected
    assert np.array_equal(found, found.T)


@pytest.mark.parametrize(("weight", "frame"), [(1.0, False), (0.5, True)])
def test_a_border_layer_that_is_cut_off_hands_over_to_the_next(weight: float, frame: bool) -> None:
    rows, columns = np.divmod(np.arange(25), 5)
    gap = np.maximum(np.abs(np.subtract.outer(rows, rows)), np.abs(np.subtract.outer(columns, columns)))
    neighbors = gap == 1
    border = (np.minimum(rows, columns) == 0) | (np.maximum(rows, columns) == 4)
    # 8 inner neighbors of the border have 4 x 5 + 4 x 3 = 32 links outwards: 13 lies between the two weights
    weights = np.where(neighbors, weight * 26 / 32 / 1.5, 0) + np.eye(25)
    absorbing, left_out = absorbing_border(border, neighbors, weights)
    assert np.array_equal(left_out, border if frame else np.zeros(25, bool))
    second = ~border & (np.arange(25) != 12)
    assert np.array_equal(absorbing, second if frame else border)


def test_an_outlier_among_salient_neighbors_is_salient() -> None:
    image = np.full((240, 320, 3), (90, 120, 90), np.uint8)
    image[70:170, 100:220] = (200, 60, 40)
    image[112:128, 152:168] = (20, 20, 250)  # one superpixel's worth, unlike anything else
    mask = mc(image)
    assert mask[115:125, 155:165].min() > 0.9
    assert mask[80:160, 110:210].mean() > 0.8
    assert mask[:40].max() < 0.2
