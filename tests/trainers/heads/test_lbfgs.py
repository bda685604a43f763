"""L-BFGS against scikit-learn's, and the optimum's own condition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maskgen.trainers.heads import lbfgs
from maskgen.trainers.heads.lbfgs import PENALTIES, Problem, layer_of


def problem(seed: int = 0, images: int = 90, width: int = 6, classes: int = 3) -> Problem:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (images,), generator=generator)
    centers = 2 * torch.randn(classes, width, generator=generator)
    return Problem(centers[labels] + torch.randn(images, width, generator=generator), labels, classes)


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [100.0, 1.0, 0.03])
def test_it_finds_what_scikit_learn_finds(penalty: float, monkeypatch: pytest.MonkeyPatch) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the oracle")
    monkeypatch.setattr(lbfgs, "TOLERANCE", 1e-8)  # as exact as the oracle, where the optimum is flat too
    monkeypatch.setattr(lbfgs, "ITERATIONS", 5000)
    asked = problem()
    oracle = linear_model.LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=5000)
    oracle.fit(asked.features.double().numpy(), asked.labels.numpy())
    layer = layer_of(asked.fit(penalty, np.zeros(asked.size)), 3)
    wanted, found = oracle.predict_proba(asked.features.numpy()), layer(asked.features).softmax(1)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-4)
    np.testing.assert_allclose(layer.weight.numpy(), oracle.coef_, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("penalty", [10.0, 0.1])
def test_fewer_images_than_features_have_the_same_optimum(
    penalty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the same descent in all features, from a start that the images do not span."""
    monkeypatch.setattr(lbfgs, "TOLERANCE", 1e-9)
    monkeypatch.setattr(lbfgs, "ITERATIONS", 5000)
    asked = problem(images=12, width=30)
    start = np.random.default_rng(0).normal(size=asked.size)
    wanted = asked._descend(asked.features.double(), penalty, start)
    np.testing.assert_allclose(asked.fit(penalty, start), wanted, atol=2e-5)
    assert asked._basis is not None
    assert asked._basis.shape == (30, 12)
    assert problem()._basis is None


def test_the_gradient_by_hand_is_zero_where_it_ends() -> None:
    """W = -sum_i (p_i - y_i) x_i / penalty, and the biases' part is 0."""
    asked, penalty = problem(), 5.0
    layer = layer_of(asked.fit(penalty, np.zeros(asked.size)), 3)
    error = layer(asked.features).softmax(1) - torch.nn.functional.one_hot(asked.labels, 3)
    torch.testing.assert_close(layer.weight, -error.T @ asked.features / penalty, atol=5e-3, rtol=0.01)
    assert error.sum(0).abs().max() / len(error) < 1e-3


def test_a_warm_start_ends_where_a_cold_one_does() -> None:
    asked = problem()
    cold = asked.fit(0.5, np.zeros(asked.size))
    warm = asked.fit(0.5, asked.fit(5.0, np.zeros(asked.size)))
    rows = [layer_of(found, 3)(asked.features).softmax(1) for found in (cold, warm)]
    torch.testing.assert_close(rows[0], rows[1], atol=3e-3, rtol=0)


def test_the_penalties_are_45_from_1e5_to_1e_minus_6() -> None:
    assert len(PENALTIES) == 45
    assert (PENALTIES[0], PENALTIES[-1]) == (pytest.approx(1e5), pytest.approx(1e-6))
    ratios = np.diff(np.log10(PENALTIES))
    np.testing.assert_allclose(ratios, -11 / 44)
