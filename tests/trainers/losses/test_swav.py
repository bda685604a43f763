"""Sinkhorn against the paper's listing, and the swapped prediction against its formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgen.trainers import losses


def official_sinkhorn(scores: np.ndarray, epsilon: float, iterations: int) -> np.ndarray:
    """As the paper's listing states it: on the K x N matrix, with its total as the first normalization."""
    q = np.exp(scores / epsilon).T
    q /= q.sum()
    k, n = q.shape
    for _ in range(iterations):
        q *= (1 / k) / q.sum(axis=1, keepdims=True)
        q *= (1 / n) / q.sum(axis=0, keepdims=True)
    return (q / q.sum(axis=0, keepdims=True)).T


@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize("epsilon", [0.03, 0.05, 1.0])
def test_sinkhorn_is_the_listing(iterations: int, epsilon: float, unit_rows: Callable[..., Tensor]) -> None:
    scores = unit_rows(24, 8) @ unit_rows(7, 8, seed=1).T
    wanted = official_sinkhorn(scores.numpy(), epsilon, iterations)
    np.testing.assert_allclose(losses.sinkhorn(scores, epsilon, iterations), wanted, rtol=1e-9, atol=1e-12)


def test_codes_use_every_prototype_alike(unit_rows: Callable[..., Tensor]) -> None:
    scores = unit_rows(40, 8) @ unit_rows(5, 8, seed=1).T
    codes = losses.sinkhorn(scores, 0.3, 200)
    torch.testing.assert_close(codes.sum(1), torch.ones(40, dtype=torch.float64))
    torch.testing.assert_close(codes.sum(0), torch.full((5,), 8.0, dtype=torch.float64), rtol=1e-4, atol=0)


def test_codes_survive_float32_and_extreme_scores() -> None:
    scores = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
    codes = losses.sinkhorn(scores, 0.025, 3)
    assert torch.isfinite(codes).all()
    torch.testing.assert_close(codes.sum(1), torch.ones(3))


def test_swapped_prediction_is_the_formula(unit_rows: Callable[..., Tensor]) -> None:
    scores = [unit_rows(4, 6, seed=s) for s in range(4)]
    codes = [unit_rows(4, 6, seed=s).abs() for s in (7, 8)]
    codes = [code / code.sum(1, keepdim=True) for code in codes]
    total = 0.0
    for a in range(2):
        subtotal = 0.0
        for v in [v for v in range(4) if v != a]:
            p = torch.softmax(scores[v] / 0.1, dim=1)
            subtotal -= float((codes[a] * p.log()).sum(1).mean())
        total += subtotal / 3
    assert losses.swav_loss(scores, codes, 0.1).item() == pytest.approx(total / 2, rel=1e-9)
