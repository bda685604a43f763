"""Each equation of manifold ranking against its plain definition on small graphs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.methods.priors.mr import background_stage, ranking_graph, ranking_matrix

N = 13


def random_edges(seed: int) -> NDArray[np.bool_]:
    upper = np.triu(np.random.default_rng(seed).random((N, N)) < 0.3, 1)
    edges = upper | upper.T
    chain = np.arange(N - 1)
    edges[chain, chain + 1] = edges[chain + 1, chain] = True
    return edges


def random_weights(seed: int) -> NDArray[np.float64]:
    raw = np.random.default_rng(seed).random((N, N))
    return np.where(random_edges(seed), raw + raw.T, 0)


def test_border_nodes_reach_the_neighbors_of_all_border_nodes() -> None:
    neighbors = np.eye(9, k=1, dtype=bool) | np.eye(9, k=-1, dtype=bool)  # a path 0-1-...-8
    border = np.isin(np.arange(9), [0, 8])
    linked = {(i, j) for i, j in itertools.combinations(range(9), 2) if j - i <= 2}
    linked |= {(0, 8), (0, 7), (1, 8)}  # the clique link 0-8, then one step from either end
    found = ranking_graph(neighbors, border)
    assert {(int(i), int(j)) for i, j in np.argwhere(np.triu(found))} == linked
    assert np.array_equal(found, found.T)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_ranking_is_the_limit_of_spreading_the_query(seed: int) -> None:
    weights = random_weights(seed)
    degree = weights.sum(axis=1)
    query = np.random.default_rng(seed).random(N) < 0.4
    query[0] = True
    expected = np.zeros(N)
    for source in np.flatnonzero(query):
        spread = np.eye(N)[source] / degree
        total = np.zeros(N)
        for _ in range(4000):  # the Neumann series of (D - aW)^-1, which converges as 0.99^k
            total += spread
            spread = 0.99 * (weights @ spread) / degree
        total[source] = 0  # no query ranks itself
        expected += total
    assert np.allclose(ranking_matrix(weights) @ query, expected, rtol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_background_stage_multiplies_the_complements_of_four_rankings(seed: int) -> None:
    rank = ranking_matrix(random_weights(seed))
    sides = np.random.default_rng(seed).random((4, N)) < 0.3
    sides[:, :4] |= np.eye(4, dtype=bool)
    expected = np.ones(N)
    for side in sides:
        score = [sum(rank[i, j] for j in range(N) if side[j]) for i in range(N)]
        expected *= [1 - (value - min(score)) / (max(score) - min(score)) for value in score]
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    assert np.allclose(background_stage(rank, sides), expected)
