"""TokenCut's cut against all cuts, tried one by one, and the generalized problem solved as printed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.linalg import eig

from maskgen.methods.networks.vit.cut import EPSILON, affinity, cut_tokens, fiedler_vector


def blocks(rows: int, columns: int, *patches: tuple[int, int]) -> np.ndarray:
    """Keys of two orthogonal kinds, a little noise on top; `patches` are of the second kind."""
    keys = np.zeros((rows, columns, 6))
    keys[..., 0] = 3.0
    for place in patches:
        keys[place] = [0, 1, 0, 0, 0, 0]
    noise = np.random.default_rng(0).normal(0, 0.02, keys.shape)
    return (keys + noise).reshape(-1, 6)


def test_an_edge_is_one_above_the_cosine_of_a_fifth_and_nearly_none_below() -> None:
    keys = np.array([[2.0, 0.0], [0.21, np.sqrt(1 - 0.21**2)], [0.19, -np.sqrt(1 - 0.19**2)], [0.0, 0.0]])
    edges = affinity(keys)
    assert np.array_equal(edges, edges.T)
    assert edges[0].tolist() == [1, 1, EPSILON, EPSILON]
    assert edges[3].tolist() == [EPSILON] * 4


def random_graph(seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    edges = np.where(rng.random((count, count)) < 0.4, 1.0, EPSILON)
    edges = np.maximum(edges, edges.T)
    np.fill_diagonal(edges, 1.0)
    return edges


@pytest.mark.parametrize("seed", range(5))
def test_the_vector_solves_the_generalized_problem_as_printed(seed: int) -> None:
    edges = random_graph(seed, 14)
    degrees = np.diag(edges.sum(1))
    values, vectors = eig(degrees - edges, degrees)  # neither symmetric nor sorted
    order = np.argsort(values.real)
    theirs, ours = vectors[:, order[1]].real, fiedler_vector(edges)
    cosine = theirs @ ours / np.linalg.norm(theirs) / np.linalg.norm(ours)
    assert abs(cosine) == pytest.approx(1, abs=1e-8)


def test_the_cut_is_the_best_of_all_cuts_of_two_clear_groups() -> None:
    keys = blocks(2, 5, (0, 1), (0, 2), (1, 2))
    edges = affinity(keys)
    degree = edges.sum(1)

    def cost(side: np.ndarray) -> float:
        across = edges[side][:, ~side].sum()
        return float(across / degree[side].sum() + across / degree[~side].sum())

    sides = [np.array(bits) for bits in itertools.product([False, True], repeat=10)]
    best = min((side for side in sides if 0 < side.sum() < 10), key=cost)
    found = cut_tokens(keys, 2, 5).ravel()
    assert np.array_equal(found, best) or np.array_equal(found, ~best)
    assert found.reshape(2, 5).nonzero()[1].tolist() == [1, 2, 2]  # |y| is largest in the smaller group


def test_only_the_connected_part_that_holds_the_seed_is_kept() -> None:
    keys = blocks(5, 6, (1, 1), (1, 2), (2, 2), (4, 5), (3, 3))  # (3, 3) touches by its corner alone
    found = cut_tokens(keys, 5, 6)
    parts = [[(1, 1), (1, 2), (2, 2)], [(4, 5)], [(3, 3)]]
    assert list(zip(*(axis.tolist() for axis in found.nonzero()), strict=True)) in parts


def test_the_mask_does_not_depend_on_the_vectors_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = blocks(4, 4, (1, 1), (1, 2))
    first = cut_tokens(keys, 4, 4)
    monkeypatch.setattr("maskgen.methods.networks.vit.cut.fiedler_vector", lambda e: -fiedler_vector(e))
    assert np.array_equal(first, cut_tokens(keys, 4, 4))
    assert first.sum() == 2


def test_patches_that_are_all_alike_have_no_object() -> None:
    assert not cut_tokens(np.ones((12, 5)), 3, 4).any()
