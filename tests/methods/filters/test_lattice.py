"""The permutohedral lattice: its geometry against its definition, its filter against the exact Gaussian
sum.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.methods.filters.lattice import Lattice, barycentric_weights, enclosing_simplex


def points(dimensions: int, count: int, seed: int) -> NDArray[np.float32]:
    return (3 * np.random.default_rng(seed).normal(size=(dimensions, count))).astype(np.float32)


def gaussian_mean(features: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean of all values weighted by exp(-distance² / 2), term by term."""
    result = []
    for here in features.T.astype(float):
        weight = [
            np.exp(-0.5 * sum((a - b) ** 2 for a, b in zip(here, there, strict=True))) for there in features.T
        ]
        result.append(np.dot(weight, values) / np.sum(weight))
    return np.array(result)


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_each_point_is_the_weighted_mean_of_its_corners(dimensions: int) -> None:
    features = points(dimensions, 300, seed=dimensions)
    corner, rank, offset = enclosing_simplex(features)
    weights = barycentric_weights(offset)
    assert np.all(corner.sum(axis=0) == 0)
    assert np.all(np.sort(rank, axis=0) == np.arange(dimensions + 1)[:, None])
    assert weights.min() >= -1e-5
    assert np.allclose(weights.sum(axis=0), 1, atol=1e-5)
    size = dimensions + 1
    mean = np.zeros(corner.shape)
    for k in range(
        size
    ):  # definition 2.3: corner k is the zero corner plus k, less d + 1 at the k smallest offsets
        mean += weights[k] * (size * corner + np.where(rank < size - k, k, k - size))
    assert np.allclose(mean, size * (corner + offset), atol=1e-4)


def test_lifting_keeps_distances() -> None:
    features = points(4, 40, seed=7)
    corner, _, offset = enclosing_simplex(features)
    lifted = corner + offset
    for i, j in itertools.combinations(range(40), 2):
        here = np.linalg.norm(features[:, i] - features[:, j])
        assert np.linalg.norm(lifted[:, i] - lifted[:, j]) == pytest.approx(np.sqrt(2 / 3) * here, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_the_normalized_filter_is_close_to_the_gaussian(dimensions: int) -> None:
    features = points(dimensions, 250, seed=10 + dimensions) / 3
    values = np.sin(2 * features.sum(axis=0)).astype(np.float32)
    lattice = Lattice(features)
    found = lattice(values) / lattice(np.ones_like(values))
    exact = gaussian_mean(features, values)
    assert np.abs(found - exact).mean() < 0.06 * np.ptp(exact)
    assert np.corrcoef(found, exact)[0, 1] > 0.92


@pytest.mark.parametrize(("dimensions", "side"), [(1, 20), (2, 20), (5, 3)])
def test_the_mean_response_falls_with_distance_like_a_gaussian(dimensions: int, side: float) -> None:
    rng = np.random.default_rng(dimensions)
    features = (side * rng.random((dimensions, 4000))).astype(np.float32)
    lattice, edges = Lattice(features), np.linspace(0, 3, 13)
    total, count = np.zeros(12), np.zeros(12)
    for here in rng.choice(4000, 200):
        response = lattice(np.eye(1, 4000, here, dtype=np.float32)[0])
        distance = np.linalg.norm(features - features[:, here : here + 1], axis=0)
        total += np.histogram(distance, edges, weights=response)[0]
        count += np.histogram(distance, edges)[0]
    profile = total / np.maximum(count, 1)
    wanted = np.exp(-0.5 * np.square((edges[1:] + edges[:-1]) / 2))
    factor = (count * profile * wanted).sum() / (
        count * wanted * wanted
    ).sum()  # the filter's own scale is free
    present = count > 50
    assert present[3:].all()
    assert np.abs(profile / factor - wanted)[present].max() < 0.12


def test_far_groups_do_not_mix() -> None:
    features = np.concatenate([points(5, 30, 0) / 10, points(5, 30, 1) / 10 + 100], axis=1).astype(np.float32)
    assert not Lattice(features)(np.repeat([1, 0], 30).astype(np.float32))[30:].any()


def test_a_constant_stays_constant_and_one_point_is_itself() -> None:
    lattice = Lattice(np.zeros((5, 1), np.float32))
    one = np.ones(1, np.float32)
    assert lattice(3 * one) == pytest.approx(3 * lattice(one))


def test_points_too_far_apart_for_the_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="larger sigma"):
        Lattice(np.array([[0, 1e5]] * 5, np.float32))
