"""RELICv2's two terms against loops over their formulas; which negatives are drawn; what they cost."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgen.trainers import losses


def likelihoods_by_loops(a: Tensor, b: Tensor, members: Tensor, tau: float) -> list[list[float]]:
    made = []
    for row in members.tolist():
        scores = [exp(float(a[row[0]] @ b[j]) / tau) for j in row]
        made.append([log(score / sum(scores)) for score in scores])
    return made


def test_log_likelihoods_are_the_softmax_over_a_samples_members(unit_rows: Callable[..., Tensor]) -> None:
    o, t = unit_rows(7, 5), unit_rows(7, 5, seed=1)
    members = losses.draw_members(7, 3, torch.Generator().manual_seed(0))
    made = losses.log_likelihoods(o, t, members, 0.3)
    np.testing.assert_allclose(made, likelihoods_by_loops(o, t, members, 0.3), rtol=1e-9)
    part = losses.draw_members(7, 3, torch.Generator().manual_seed(0), rows=range(2, 5))
    torch.testing.assert_close(losses.log_likelihoods(o, t, part, 0.3), made[2:5])


def test_the_divergence_is_kullbacks_and_leiblers(unit_rows: Callable[..., Tensor]) -> None:
    members = losses.draw_members(6, 2)
    log_p, log_q = (
        losses.log_likelihoods(unit_rows(6, 5, seed=s), unit_rows(6, 5, seed=s + 1), members, 0.4)
        for s in (0, 2)
    )
    peer = torch.nn.functional.kl_div(log_q, log_p, log_target=True, reduction="batchmean")
    torch.testing.assert_close(losses.divergence(log_p, log_q), peer)
    assert losses.divergence(log_p, log_p).item() == 0


def test_the_entropy_alone_has_no_gradient(
    unit_rows: Callable[..., Tensor], slope: Callable[..., Tensor]
) -> None:
    """Equation 2 stops the gradient of E_p log p, not that of p in E_p log q."""
    o, t, o2 = unit_rows(4, 3), unit_rows(4, 3, seed=1), unit_rows(4, 3, seed=2)
    members = losses.draw_members(4, 2, torch.Generator().manual_seed(0))
    first, second = o.clone().requires_grad_(), o2.clone().requires_grad_()
    log_p, log_q = (losses.log_likelihoods(a, t, members, 0.5) for a in (first, second))
    losses.divergence(log_p, log_q).backward()

    def cross_entropy(a: Tensor, b: Tensor) -> Tensor:
        p, q = (torch.softmax((v @ t.T).gather(1, members) / 0.5, dim=1) for v in (a, b))
        return -(p * q.log()).sum(1).mean()

    torch.testing.assert_close(first.grad, slope(lambda v: cross_entropy(v, o2), o), rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(second.grad, slope(lambda v: cross_entropy(o, v), o2), rtol=1e-5, atol=1e-8)


def test_negatives_are_others_without_repeats_and_uniform() -> None:
    counts = torch.zeros(9, 9)
    for seed in range(400):
        drawn = losses.draw_members(9, 4, torch.Generator().manual_seed(seed))
        assert drawn[:, 0].tolist() == list(range(9))
        assert all(len(set(row)) == 5 for row in drawn.tolist())
        counts.scatter_add_(1, drawn[:, 1:], torch.ones(9, 4))
    assert counts.diag().sum() == 0
    share = counts[~torch.eye(9, dtype=torch.bool)] / 400
    assert share.mean().item() == pytest.approx(4 / 8)
    assert (share - 0.5).abs().max() < 0.1  # four standard deviations


def test_more_negatives_than_others_gives_all_others() -> None:
    assert sorted(losses.draw_members(3, 10)[1].tolist()) == [0, 1, 2]
    assert losses.draw_members(1, 10).tolist() == [[0]]


class Largest(torch.overrides.TorchFunctionMode):
    """Watches how many numbers the largest tensor holds that any call gives back."""

    numbers = 0

    def __torch_function__(
        self, func: Callable[..., object], types: object, args: tuple[object, ...] = (), kwargs: object = None
    ) -> object:
        made = func(*args, **(kwargs if isinstance(kwargs, dict) else {}))
        if isinstance(made, Tensor):
            self.numbers = max(self.numbers, made.numel())
        return made


def test_thousands_of_negatives_need_no_row_times_negative_times_width(
    unit_rows: Callable[..., Tensor],
) -> None:
    total, width = 4096, 32
    o, t = unit_rows(total, width).float().requires_grad_(), unit_rows(total, width, seed=1).float()
    with Largest() as seen:
        members = losses.draw_members(total, 4095, rows=range(512))
        log_p = losses.log_likelihoods(o, t, members, 0.2)
        losses.divergence(log_p, losses.log_likelihoods(t, o, members, 0.2))
    assert members.shape == (512, 4096)
    assert seen.numbers == 512 * 4096
