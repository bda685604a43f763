"""DSR's own steps against their formulas, pixel by pixel."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from maskgen.methods.priors.dsr import pixel_features, posterior, scale_errors, weight_by_center


def test_the_center_is_the_maps_own() -> None:
    saliency = np.random.default_rng(0).random((12, 20))
    total = saliency.sum()
    y0 = sum(y * saliency[y, x] for y, x in itertools.product(range(12), range(20))) / total
    x0 = sum(x * saliency[y, x] for y, x in itertools.product(range(12), range(20))) / total
    expected = np.empty_like(saliency)
    for y, x in itertools.product(range(12), range(20)):
        gaussian = np.exp(
            -((y - y0) ** 2) / (2 * 3**2) - (x - x0) ** 2 / (2 * 5**2)
        )  # a quarter of 12 and 20
        expected[y, x] = saliency[y, x] * gaussian
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    assert np.allclose(weight_by_center(saliency), expected)


@pytest.mark.parametrize("seed", range(3))
def test_posterior_is_bayes_rule_on_counted_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prior, observed = rng.random((15, 20)), rng.random((15, 20))
    observed[0, 0], observed[0, 1] = 0, 1
    inside = prior > prior.mean()
    expected = np.empty_like(prior)
    for y, x in itertools.product(range(15), range(20)):
        own = min(int(observed[y, x] * 60), 59)
        alike = np.minimum(np.floor(observed * 60), 59) == own
        salient = (alike & inside).sum() / inside.sum()
        other = (alike & ~inside).sum() / (~inside).sum()
        joint = prior[y, x] * salient
        expected[y, x] = joint / (joint + (1 - prior[y, x]) * other) if joint else 0
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    assert np.allclose(posterior(prior, observed), expected)


def test_a_prior_without_contrast_decides_nothing() -> None:
    assert not posterior(np.full((4, 5), 0.3), np.random.default_rng(0).random((4, 5))).any()


def test_what_the_border_cannot_explain_has_the_largest_errors() -> None:
    rng = np.random.default_rng(1)
    labels = (np.arange(60)[:, None] // 10 * 8 + np.arange(80) // 10).astype(np.int32)
    image = rng.integers(90, 110, (60, 80, 3)).astype(np.uint8)
    image[20:40, 30:50] = (200, 60, 40)
    dense, sparse = scale_errors(pixel_features(image), labels).T
    odd = {int(labels[y, x]) for y in (25, 35) for x in (35, 45)}
    for error in (dense, sparse):
        assert set(np.argsort(error)[-4:].tolist()) == odd
        assert error.min() == 0
        assert error.max() == 1
