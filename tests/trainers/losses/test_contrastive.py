"""InfoNCE and NT-Xent against loops over their formulas, and values worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log

import pytest
import torch
from torch import Tensor

from maskgen.trainers import losses


@pytest.mark.parametrize("swaps", [False, True])
def test_info_nce_is_the_formula(swaps: bool, unit_rows: Callable[..., Tensor]) -> None:
    q, k, queue, n, t = (
        unit_rows(4, 6),
        unit_rows(4, 6, seed=1),
        unit_rows(9, 6, seed=2),
        unit_rows(4, 6, seed=3),
        0.2,
    )
    total = 0.0
    for i in range(4):
        scores = [float(q[i] @ k[i]) / t] + [float(q[i] @ row) / t for row in queue]
        scores += [float(q[i] @ n[i]) / t] if swaps else []
        total -= log(exp(scores[0]) / sum(exp(score) for score in scores))
    assert losses.info_nce(q, k, queue, t, n if swaps else None).item() == pytest.approx(total / 4, rel=1e-9)


def test_a_matched_negative_is_its_own_querys_alone(unit_rows: Callable[..., Tensor]) -> None:
    q, k, queue, n = (
        unit_rows(5, 6),
        unit_rows(5, 6, seed=1),
        unit_rows(9, 6, seed=2),
        unit_rows(5, 6, seed=3),
    )
    before = losses.info_nce_logits(q, k, queue, 0.2, n)
    other = n.clone()
    other[2] = -n[2]
    after = losses.info_nce_logits(q, k, queue, 0.2, other)
    assert before.shape == (5, 1 + 9 + 1)
    changed = before != after
    assert changed[2, -1]
    assert changed.sum() == 1


def test_several_negatives_by_hand() -> None:
    """q = (1, 0), k = q, one key in the queue at a right angle, negatives at 1, 0 and -1; t = 1."""
    q = torch.tensor([[1.0, 0.0]])
    extra = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]])
    queue = torch.tensor([[0.0, -1.0]])
    wanted = -log(exp(1) / (exp(1) + 1 + exp(1) + 1 + exp(-1)))
    assert losses.info_nce(q, q, queue, 1.0, extra).item() == pytest.approx(wanted, rel=1e-6)
    assert losses.info_nce_logits(q, q, queue, 0.5, extra).tolist() == [[2.0, 0.0, 2.0, 0.0, -2.0]]
    assert torch.equal(
        losses.info_nce(q, q, queue, 1.0, extra[:, :1]), losses.info_nce(q, q, queue, 1.0, extra[:, 0])
    )


@pytest.mark.parametrize("count", [1, 3])
def test_nt_xent_with_several_negatives_is_the_formula(count: int, unit_rows: Callable[..., Tensor]) -> None:
    z, p, *more = unit_rows(2 + count, 5, 8)
    extra = torch.stack(more, dim=1)
    total = 0.0
    for i in range(5):
        others = [float(z[i] @ z[j]) for j in range(5) if j != i] + [float(z[i] @ p[j]) for j in range(5)]
        others += [float(z[i] @ extra[i, m]) for m in range(count)]
        total -= log(exp(float(z[i] @ p[i]) / 0.5) / sum(exp(score / 0.5) for score in others))
    assert losses.nt_xent_one_way(z, p, 0.5, extra=extra).item() == pytest.approx(total / 5, rel=1e-5)


def test_a_negative_equal_to_the_positive_halves_its_probability() -> None:
    q = k = torch.eye(4)
    nothing = torch.zeros(1, 4)  # logit 0: e^0 beside e^(1/t)
    t = 0.05
    loss = losses.info_nce(q, k, nothing, t, k).item()
    assert loss == pytest.approx(log(2 + exp(-1 / t)), rel=1e-5)


def test_keys_and_queue_get_no_gradient(unit_rows: Callable[..., Tensor]) -> None:
    parts = [unit_rows(3, 4, seed=s).requires_grad_() for s in range(4)]
    losses.info_nce(parts[0], parts[1], parts[2], 0.1, parts[3]).backward()
    assert [part.grad is not None for part in parts] == [True, False, False, False]


def nt_xent(
    first: Tensor,
    second: Tensor,
    temperature: float,
    everything: tuple[Tensor, Tensor] | None = None,
    offset: int = 0,
) -> Tensor:
    """Both views' anchors: the mean of the two ways."""
    back = None if everything is None else (everything[1], everything[0])
    there = losses.nt_xent_one_way(first, second, temperature, everything, offset)
    return (there + losses.nt_xent_one_way(second, first, temperature, back, offset)) / 2


def test_nt_xent_is_the_formula(unit_rows: Callable[..., Tensor]) -> None:
    a, b, t = unit_rows(3, 5), unit_rows(3, 5, seed=1), 0.3
    z = torch.cat([a, b])
    total = 0.0
    for i in range(6):
        positive = (i + 3) % 6
        others = [exp(float(z[i] @ z[j]) / t) for j in range(6) if j != i]
        total -= log(exp(float(z[i] @ z[positive]) / t) / sum(others))
    assert nt_xent(a, b, t).item() == pytest.approx(total / 6, rel=1e-9)


def test_nt_xent_of_two_orthogonal_pairs_by_hand() -> None:
    z = torch.eye(2)
    assert nt_xent(z, z, 0.5).item() == pytest.approx(log(1 + 2 * exp(-2)), rel=1e-6)


def test_nt_xent_of_parts_of_a_batch_has_the_mean_of_the_whole(unit_rows: Callable[..., Tensor]) -> None:
    a, b = unit_rows(6, 5), unit_rows(6, 5, seed=1)
    parts = [nt_xent(a[i : i + 2], b[i : i + 2], 0.2, (a, b), offset=i) for i in (0, 2, 4)]
    assert torch.stack(parts).mean().item() == pytest.approx(nt_xent(a, b, 0.2).item(), rel=1e-12)


@pytest.mark.parametrize("swaps", [False, True])
def test_one_way_of_nt_xent_is_the_formula(swaps: bool, unit_rows: Callable[..., Tensor]) -> None:
    a, b, n, t = unit_rows(3, 5), unit_rows(3, 5, seed=1), unit_rows(3, 5, seed=2), 0.3
    total = 0.0
    for i in range(3):
        others = [exp(float(a[i] @ a[j]) / t) for j in range(3) if j != i]
        others += [exp(float(a[i] @ b[j]) / t) for j in range(3)] + [exp(float(a[i] @ n[i]) / t)] * swaps
        total -= log(exp(float(a[i] @ b[i]) / t) / sum(others))
    made = losses.nt_xent_one_way(a, b, t, extra=n if swaps else None)
    assert made.item() == pytest.approx(total / 3, rel=1e-9)


def test_one_way_of_nt_xent_has_the_gradient_of_its_formula(
    unit_rows: Callable[..., Tensor], slope: Callable[..., Tensor]
) -> None:
    a, b, n = (unit_rows(3, 4, seed=s) for s in range(3))
    for place in range(3):
        parts = [a, b, n]
        parts[place] = parts[place].clone().requires_grad_()
        losses.nt_xent_one_way(parts[0], parts[1], 0.3, extra=parts[2]).backward()

        def loss(value: Tensor, place: int = place) -> Tensor:
            moved = [value if index == place else part for index, part in enumerate((a, b, n))]
            return losses.nt_xent_one_way(moved[0], moved[1], 0.3, extra=moved[2])

        torch.testing.assert_close(parts[place].grad, slope(loss, (a, b, n)[place]), rtol=1e-5, atol=1e-7)


def test_one_way_of_nt_xent_of_parts_of_a_batch_has_the_mean_of_the_whole(
    unit_rows: Callable[..., Tensor],
) -> None:
    a, b, n = unit_rows(6, 5), unit_rows(6, 5, seed=1), unit_rows(6, 5, seed=2)
    parts = [
        losses.nt_xent_one_way(a[i : i + 2], b[i : i + 2], 0.2, (a, b), offset=i, extra=n[i : i + 2])
        for i in (0, 2, 4)
    ]
    whole = losses.nt_xent_one_way(a, b, 0.2, extra=n)
    assert torch.stack(parts).mean().item() == pytest.approx(whole.item(), rel=1e-12)
