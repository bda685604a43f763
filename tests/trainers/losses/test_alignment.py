"""The losses of SimSiam, BYOL and MSR by hand, and which side gets a gradient."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

import pytest
import torch
from torch import Tensor
from torch.nn.functional import mse_loss, normalize

from maskgen.trainers import losses


def test_negative_cosine_by_hand() -> None:
    p, z = torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([[8.0, 6.0], [0.0, 5.0]])
    assert losses.negative_cosine(p, z).item() == pytest.approx(-(0.96 + 0) / 2)


def test_byol_is_the_squared_distance_of_unit_vectors() -> None:
    p, z = torch.randn(6, 4), torch.randn(6, 4)
    distance = 4 * mse_loss(normalize(p, dim=1), normalize(z, dim=1))  # mse averages over D too
    assert losses.byol_loss(p, z).item() == pytest.approx(distance.item(), rel=1e-5)


def test_targets_get_no_gradient() -> None:
    p, z = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    losses.byol_loss(p, z).backward()
    assert p.grad is not None
    assert z.grad is None


def test_beta_falls_by_half_a_cosine() -> None:
    assert losses.msr_beta(0.4, 0, 100) == pytest.approx(0.4)
    assert losses.msr_beta(0.4, 25, 100) == pytest.approx(0.2 * (1 + cos(pi / 4)))
    assert losses.msr_beta(0.4, 50, 100) == pytest.approx(0.2)
    assert losses.msr_beta(0.4, 100, 100) == pytest.approx(0)


@pytest.mark.parametrize("cosine", [False, True])
def test_msr_weighs_four_pairs(cosine: bool, unit_rows: Callable[..., Tensor]) -> None:
    z, other_z, xi, other_xi = (unit_rows(4, 5, seed=s) for s in range(4))

    def distance(a: Tensor, b: Tensor) -> float:
        close = (a * b).sum(1).mean().item()
        return -close if cosine else 2 - 2 * close

    wanted = 0.7 * (distance(z, other_xi) + distance(other_z, xi)) + 0.3 * 2 * distance(z, other_z)
    assert losses.msr_loss((z, other_z), (xi, other_xi), 0.3, cosine).item() == pytest.approx(wanted)


def test_msr_detaches_the_aggressive_target(
    unit_rows: Callable[..., Tensor], slope: Callable[..., Tensor]
) -> None:
    z, other_z, xi, other_xi = (unit_rows(2, 3, seed=s) for s in range(4))
    free = z.clone().requires_grad_()
    losses.msr_loss((free, other_z), (xi, other_xi), 0.3).backward()
    as_prediction = slope(
        lambda v: 0.7 * losses.byol_loss(v, other_xi) + 0.3 * losses.byol_loss(v, other_z), z
    )
    torch.testing.assert_close(free.grad, as_prediction, rtol=1e-5, atol=1e-8)
