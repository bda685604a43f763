"""RELICv2's two terms against loops over their formulas; which negatives are drawn."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgen.trainers import losses


def relic_by_loops(o: Tensor, t: Tensor, negatives: Tensor, tau: float) -> tuple[float, float]:
    contrast = divergence = 0.0
    for i in range(len(o)):
        own = [i, *negatives[i].tolist()]
        row = np.array([exp(float(o[i] @ t[j]) / tau) for j in own])
        column = np.array([exp(float(o[j] @ t[i]) / tau) for j in own])
        p, q = row / row.sum(), column / column.sum()
        contrast -= log(p[0])
        divergence += float((p * np.log(p / q)).sum())
    return contrast / len(o), divergence / len(o)


def test_relic_is_the_formula(unit_rows: Callable[..., Tensor]) -> None:
    o, t = unit_rows(7, 5), unit_rows(7, 5, seed=1)
    negatives = losses.negative_rows(7, 3, torch.Generator().manual_seed(0))
    contrast, divergence = losses.relic_loss(o, t, negatives, 0.3)
    wanted = relic_by_loops(o, t, negatives, 0.3)
    assert (contrast.item(), divergence.item()) == pytest.approx(wanted, rel=1e-9)


def test_relic_of_parts_has_the_mean_of_the_whole(unit_rows: Callable[..., Tensor]) -> None:
    o, t = unit_rows(6, 5), unit_rows(6, 5, seed=1)
    negatives = losses.negative_rows(6, 3)
    whole = torch.stack(losses.relic_loss(o, t, negatives, 0.3))
    parts = [torch.stack(losses.relic_loss(o, t, negatives, 0.3, offset=i, rows=3)) for i in (0, 3)]
    torch.testing.assert_close(torch.stack(parts).mean(0), whole)


def test_the_divergence_moves_one_side_only(
    unit_rows: Callable[..., Tensor], slope: Callable[..., Tensor]
) -> None:
    o, t = unit_rows(4, 3), unit_rows(4, 3, seed=1)
    negatives = losses.negative_rows(4, 2, torch.Generator().manual_seed(0))
    free, target = o.clone().requires_grad_(), t.clone().requires_grad_()
    losses.relic_loss(free, target, negatives, 0.5)[1].backward()
    own = torch.arange(4)[:, None]
    members = torch.cat([own, negatives], dim=1)
    p = torch.softmax((o @ t.T).gather(1, members) / 0.5, dim=1)

    def cross_entropy(v: Tensor) -> Tensor:
        column = (t @ v.T).gather(1, members) / 0.5
        return -(p * torch.log_softmax(column, dim=1)).sum(1).mean()

    torch.testing.assert_close(free.grad, slope(cross_entropy, o), rtol=1e-5, atol=1e-8)
    assert target.grad is None


def test_negatives_are_others_without_repeats_and_uniform() -> None:
    counts = torch.zeros(9, 9)
    for seed in range(400):
        drawn = losses.negative_rows(9, 4, torch.Generator().manual_seed(seed))
        assert all(len(set(row)) == 4 for row in drawn.tolist())
        counts.scatter_add_(1, drawn, torch.ones(9, 4))
    assert counts.diag().sum() == 0
    share = counts[~torch.eye(9, dtype=torch.bool)] / 400
    assert share.mean().item() == pytest.approx(4 / 8)
    assert (share - 0.5).abs().max() < 0.1  # four standard deviations


def test_more_negatives_than_others_gives_all_others() -> None:
    assert sorted(losses.negative_rows(3, 10)[1].tolist()) == [0, 2]
    assert losses.negative_rows(1, 10).shape == (1, 0)
