"""PCA, lasso, k-means and propagation against plain definitions and optimality conditions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from maskgen.methods.priors.reconstruction import dense_error, k_means, lasso, propagate, sparse_error


@pytest.mark.parametrize("seed", range(5))
def test_dense_error_is_the_distance_from_the_principal_subspace(seed: int) -> None:
    rng = np.random.default_rng(seed)
    templates = rng.normal(size=(30, 8)) * np.array([9, 5, 3, 2, 1, 0.5, 0.1, 0.01])
    features = rng.normal(size=(50, 8))
    _, singular, directions = np.linalg.svd(templates - templates.mean(axis=0))
    share = np.cumsum(singular**2) / np.sum(singular**2)
    kept = next(k for k in range(8) if share[k] >= 0.95) + 2  # those that reach 95 %, and one more
    left = directions[kept:]
    expected = np.linalg.norm((features - features.mean(axis=0)) @ left.T, axis=1)
    assert kept < 8
    assert np.allclose(dense_error(features, templates), expected)


def test_equal_templates_have_no_direction_of_their_own() -> None:
    features = np.random.default_rng(0).normal(size=(12, 8))
    found = dense_error(features, np.ones((5, 8)))
    assert np.isfinite(found).all()


def unit_columns(seed: int, rows: int, columns: int) -> np.ndarray:
    """Columns that are much alike, as the features of one photo's border are."""
    raw = 0.6 + 0.25 * np.random.default_rng(seed).normal(size=(rows, columns))
    return raw / np.linalg.norm(raw, axis=0)


def objective(atoms: np.ndarray, target: np.ndarray, code: np.ndarray, weight: float) -> float:
    return float(0.5 * np.square(target - atoms @ code).sum() + weight * np.abs(code).sum())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_lasso_meets_the_optimality_conditions(seed: int) -> None:
    atoms, targets, weight = unit_columns(seed, 8, 25), unit_columns(seed + 50, 8, 10), 0.05
    codes = lasso(atoms, targets, weight, 4000)
    pull = atoms.T @ (
        targets - atoms @ codes
    )  # at the minimum: |pull| <= weight, = weight * sign where non-zero
    assert np.abs(pull).max() < weight * 1.01
    used = np.abs(codes) > 1e-3
    assert used.any()
    assert np.allclose(pull[used], weight * np.sign(codes[used]), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_few_steps_come_close_to_coordinate_descent(seed: int) -> None:
    atoms, targets, weight = unit_columns(seed, 8, 12), unit_columns(seed + 9, 8, 6), 0.01
    codes = lasso(atoms, targets, weight, 150)
    for column in range(6):
        code = np.zeros(12)
        for _, j in itertools.product(range(8000), range(12)):
            score = atoms[:, j] @ (targets[:, column] - atoms @ code) + code[j]
            code[j] = np.sign(score) * max(abs(score) - weight, 0)
        least = objective(atoms, targets[:, column], code, weight)
        assert least - 1e-6 <= objective(atoms, targets[:, column], codes[:, column], weight) <= 1.02 * least


def test_sparse_error_of_a_template_is_what_the_penalty_leaves() -> None:
    templates = np.eye(4) * 7  # one atom explains its own direction up to the shrinkage by 0.01
    features = np.array([[5.0, 0, 0, 0], [0, 0, 0, 2]])
    found = sparse_error(np.concatenate([features, [[3.0, 3, 0, 0]]]), templates)
    assert np.allclose(found, [1e-4, 1e-4, 2e-4], rtol=0.02)
    assert sparse_error(np.array([[0.0, 0, 1, 0]]), templates[:2])[0] == pytest.approx(1)


@pytest.mark.parametrize("seed", range(5))
def test_separate_groups_are_found_and_each_point_is_nearest_to_its_center(seed: int) -> None:
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(4), 20)
    points = 10 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])[group] + rng.normal(size=(80, 2))
    labels = k_means(points, 4, seed)
    centers = np.stack([points[labels == k].mean(axis=0) for k in range(4)])
    gaps = np.linalg.norm(points[:, None] - centers, axis=2)
    assert np.array_equal(gaps.argmin(axis=1), labels)
    assert len(set(zip(group.tolist(), labels.tolist(), strict=True))) == 4


def test_clusters_are_a_function_of_the_seed() -> None:
    points = np.random.default_rng(0).random((200, 8))
    runs = [k_means(points, 8, seed) for seed in (0, 0, 1)]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


@pytest.mark.parametrize("points", [np.zeros((20, 3)), np.zeros((1, 3)), np.eye(3)])
def test_fewer_places_than_clusters_are_no_fault(points: np.ndarray) -> None:
    labels = k_means(points, 8, 0)
    assert labels.shape == (len(points),)
    assert labels.min() >= 0


@pytest.mark.parametrize("seed", range(5))
def test_propagation_visits_errors_from_the_largest_and_updates_in_place(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, error, labels = rng.random((30, 4)), rng.random(30), rng.integers(0, 4, 30)
    labels[7] = 9  # alone in its cluster: it loses half
    expected = error.copy()
    variance = np.mean([np.mean((column - column.mean()) ** 2) for column in features.T])
    for i in np.argsort(-error, kind="stable"):
        others = [j for j in range(30) if labels[j] == labels[i] and j != i]
        likeness = [np.exp(-np.sum((features[i] - features[j]) ** 2) / (2 * variance)) for j in others]
        mean = np.dot(likeness, expected[others]) / sum(likeness) if others else 0
        expected[i] = 0.5 * expected[i] + 0.5 * mean
    both = propagate(np.stack([error, np.zeros(30)], axis=1), features, labels)
    assert np.allclose(both[:, 0], expected)
    assert not both[:, 1].any()
