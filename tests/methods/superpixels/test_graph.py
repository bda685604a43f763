"""Each graph step against a brute-force definition on small graphs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.methods.superpixels.graph import (
    add_clique,
    adjacency,
    affinity,
    distances,
    geodesic_distances,
    minmax,
    similarity,
    two_hop,
)


def random_graph(seed: int, count: int = 12, share: float = 0.2) -> NDArray[np.bool_]:
    upper = np.triu(np.random.default_rng(seed).random((count, count)) < share, 1)
    return upper | upper.T


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (7, 5), (12, 12)])
def test_adjacency_is_what_a_walk_over_all_pixels_finds(shape: tuple[int, int], diagonal: bool) -> None:
    labels = np.random.default_rng(sum(shape)).integers(0, 9, shape).astype(np.int32)
    steps = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    if diagonal:
        steps += [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    expected = np.zeros((9, 9), np.bool_)
    for y, x in itertools.product(range(shape[0]), range(shape[1])):
        for dy, dx in steps:
            if 0 <= y + dy < shape[0] and 0 <= x + dx < shape[1] and labels[y, x] != labels[y + dy, x + dx]:
                expected[labels[y, x], labels[y + dy, x + dx]] = True
    assert np.array_equal(adjacency(labels, 9, diagonal=diagonal), expected)


@pytest.mark.parametrize("seed", range(5))
def test_two_hop_reaches_exactly_the_nodes_one_or_two_steps_away(seed: int) -> None:
    edges = random_graph(seed)
    ball = [set(np.flatnonzero(row)) for row in edges]
    for node, reached in enumerate(two_hop(edges)):
        expected = ball[node].union(*(ball[other] for other in ball[node])) - {node}
        assert set(np.flatnonzero(reached)) == expected


def test_a_clique_links_its_members_and_nobody_else() -> None:
    edges = random_graph(3)
    members = np.zeros(12, np.bool_)
    members[[1, 4, 7]] = True
    joined = add_clique(edges, members)
    for i, j in itertools.product(range(12), repeat=2):
        assert joined[i, j] == (i != j and (edges[i, j] or (members[i] and members[j])))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("limit", [0.5, 1.5, np.inf])
def test_geodesic_distances_equal_floyd_warshall(seed: int, limit: float) -> None:
    edges = random_graph(seed, share=0.25)
    raw = np.random.default_rng(seed).random(edges.shape)
    lengths = np.maximum(raw + raw.T - 0.8, 0)  # many edges cost nothing, as after clipping
    assert (lengths[edges] == 0).any()
    expected = np.where(edges, lengths, np.inf)
    np.fill_diagonal(expected, 0)
    for k, i, j in itertools.product(range(len(edges)), repeat=3):
        expected[i, j] = min(expected[i, j], expected[i, k] + expected[k, j])
    found = geodesic_distances(edges, lengths, limit)
    assert np.allclose(found, np.where(expected <= limit, expected, np.inf), rtol=0, atol=1e-10)


def test_distances_are_euclidean() -> None:
    found = distances(np.array([[0.0, 0, 0], [3, 4, 0], [0, 0, 2]]))
    assert np.allclose(found, [[0, 5, 2], [5, 0, 29**0.5], [2, 29**0.5, 0]])


def test_similarity_is_a_gaussian_cut_at_three_sigma() -> None:
    found = similarity(np.array([0, 2, 4, 6, 6.001, 1e9, np.inf]), 2.0)
    assert np.allclose(found, [1, np.exp(-0.5), np.exp(-2), np.exp(-4.5), 0, 0, 0])


def test_similarity_without_a_scale_joins_only_equal_values() -> None:
    assert similarity(np.array([0.0, 1e-3, 5]), 0.0).tolist() == [1, 0, 0]


def test_minmax_stretches_and_keeps_the_order() -> None:
    assert minmax(np.array([-2.0, 0, 2])).tolist() == [0, 0.5, 1]


@pytest.mark.parametrize("value", [0.0, 1e-30, -7.5, 1e12])
def test_minmax_of_equal_values_up_to_rounding_is_zero(value: float) -> None:
    assert not minmax(np.array([value, np.nextafter(value, np.inf), value])).any() or value == 0
    assert not minmax(np.full(4, value)).any()


@pytest.mark.parametrize("seed", range(4))
def test_affinity_falls_with_distance_stretched_over_the_edges(seed: int) -> None:
    edges = random_graph(seed)
    raw = 50 * np.random.default_rng(seed + 9).random((12, 12))
    color = raw + raw.T
    lengths = [color[i, j] for i, j in np.argwhere(edges)]
    found = affinity(color, edges)
    for i, j in itertools.product(range(12), repeat=2):
        stretched = (color[i, j] - min(lengths)) / (max(lengths) - min(lengths))
        assert found[i, j] == pytest.approx(np.exp(-10 * stretched) + 1e-5 if edges[i, j] else 0)


def test_edges_all_of_one_length_rank_nothing() -> None:
    assert not affinity(np.full((12, 12), 3.0), random_graph(0)).any()
