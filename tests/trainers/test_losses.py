"""Losses against loops over their papers' formulas, values worked by hand, and finite differences."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, exp, log, pi

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import mse_loss, normalize

from maskgen.trainers import losses


def rows(*shape: int, seed: int = 0) -> Tensor:
    """Rows of length 1 in float64."""
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return normalize(made, dim=-1)


def slope(loss: Callable[[Tensor], Tensor], at: Tensor, step: float = 1e-6) -> Tensor:
    """The gradient of a scalar function by central differences."""
    found = torch.zeros_like(at)
    for place in range(at.numel()):
        change = torch.zeros_like(at).flatten()
        change[place] = step
        change = change.view_as(at)
        found.view(-1)[place] = (loss(at + change) - loss(at - change)).item() / (2 * step)
    return found


# --- InfoNCE and NT-Xent


@pytest.mark.parametrize("swaps", [False, True])
def test_info_nce_is_the_formula(swaps: bool) -> None:
    q, k, queue, n, t = rows(4, 6), rows(4, 6, seed=1), rows(9, 6, seed=2), rows(4, 6, seed=3), 0.2
    total = 0.0
    for i in range(4):
        scores = [float(q[i] @ k[i]) / t] + [float(q[i] @ row) / t for row in queue]
        scores += [float(q[i] @ n[i]) / t] if swaps else []
        total -= log(exp(scores[0]) / sum(exp(score) for score in scores))
    assert losses.info_nce(q, k, queue, t, n if swaps else None).item() == pytest.approx(total / 4, rel=1e-9)


def test_a_matched_negative_is_its_own_querys_alone() -> None:
    q, k, queue, n = rows(5, 6), rows(5, 6, seed=1), rows(9, 6, seed=2), rows(5, 6, seed=3)
    before = losses.info_nce_logits(q, k, queue, 0.2, n)
    other = n.clone()
    other[2] = -n[2]
    after = losses.info_nce_logits(q, k, queue, 0.2, other)
    assert before.shape == (5, 1 + 9 + 1)
    changed = before != after
    assert changed[2, -1]
    assert changed.sum() == 1


def test_a_negative_equal_to_the_positive_halves_its_probability() -> None:
    q = k = torch.eye(4)
    nothing = torch.zeros(1, 4)  # logit 0: e^0 beside e^(1/t)
    t = 0.05
    loss = losses.info_nce(q, k, nothing, t, k).item()
    assert loss == pytest.approx(log(2 + exp(-1 / t)), rel=1e-5)


def test_keys_and_queue_get_no_gradient() -> None:
    parts = [rows(3, 4, seed=s).requires_grad_() for s in range(4)]
    losses.info_nce(parts[0], parts[1], parts[2], 0.1, parts[3]).backward()
    assert [part.grad is not None for part in parts] == [True, False, False, False]


def test_nt_xent_is_the_formula() -> None:
    a, b, t = rows(3, 5), rows(3, 5, seed=1), 0.3
    z = torch.cat([a, b])
    total = 0.0
    for i in range(6):
        positive = (i + 3) % 6
        others = [exp(float(z[i] @ z[j]) / t) for j in range(6) if j != i]
        total -= log(exp(float(z[i] @ z[positive]) / t) / sum(others))
    assert losses.nt_xent(a, b, t).item() == pytest.approx(total / 6, rel=1e-9)


def test_nt_xent_of_two_orthogonal_pairs_by_hand() -> None:
    z = torch.eye(2)
    assert losses.nt_xent(z, z, 0.5).item() == pytest.approx(log(1 + 2 * exp(-2)), rel=1e-6)


def test_nt_xent_of_parts_of_a_batch_has_the_mean_of_the_whole() -> None:
    a, b = rows(6, 5), rows(6, 5, seed=1)
    parts = [losses.nt_xent(a[i : i + 2], b[i : i + 2], 0.2, (a, b), offset=i) for i in (0, 2, 4)]
    assert torch.stack(parts).mean().item() == pytest.approx(losses.nt_xent(a, b, 0.2).item(), rel=1e-12)


# --- SimSiam, BYOL, MSR


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
def test_msr_weighs_four_pairs(cosine: bool) -> None:
    z, other_z, xi, other_xi = (rows(4, 5, seed=s) for s in range(4))

    def distance(a: Tensor, b: Tensor) -> float:
        close = (a * b).sum(1).mean().item()
        return -close if cosine else 2 - 2 * close

    wanted = 0.7 * (distance(z, other_xi) + distance(other_z, xi)) + 0.3 * 2 * distance(z, other_z)
    assert losses.msr_loss((z, other_z), (xi, other_xi), 0.3, cosine).item() == pytest.approx(wanted)


def test_msr_detaches_the_aggressive_target() -> None:
    z, other_z, xi, other_xi = (rows(2, 3, seed=s) for s in range(4))
    free = z.clone().requires_grad_()
    losses.msr_loss((free, other_z), (xi, other_xi), 0.3).backward()
    as_prediction = slope(
        lambda v: 0.7 * losses.byol_loss(v, other_xi) + 0.3 * losses.byol_loss(v, other_z), z
    )
    torch.testing.assert_close(free.grad, as_prediction, rtol=1e-5, atol=1e-8)


# --- SwAV


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
def test_sinkhorn_is_the_listing(iterations: int, epsilon: float) -> None:
    scores = rows(24, 8) @ rows(7, 8, seed=1).T
    wanted = official_sinkhorn(scores.numpy(), epsilon, iterations)
    np.testing.assert_allclose(losses.sinkhorn(scores, epsilon, iterations), wanted, rtol=1e-9, atol=1e-12)


def test_codes_use_every_prototype_alike() -> None:
    scores = rows(40, 8) @ rows(5, 8, seed=1).T
    codes = losses.sinkhorn(scores, 0.3, 200)
    torch.testing.assert_close(codes.sum(1), torch.ones(40, dtype=torch.float64))
    torch.testing.assert_close(codes.sum(0), torch.full((5,), 8.0, dtype=torch.float64), rtol=1e-4, atol=0)


def test_codes_survive_float32_and_extreme_scores() -> None:
    scores = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
    codes = losses.sinkhorn(scores, 0.025, 3)
    assert torch.isfinite(codes).all()
    torch.testing.assert_close(codes.sum(1), torch.ones(3))


def test_swapped_prediction_is_the_formula() -> None:
    scores = [rows(4, 6, seed=s) for s in range(4)]
    codes = [rows(4, 6, seed=s).abs() for s in (7, 8)]
    codes = [code / code.sum(1, keepdim=True) for code in codes]
    total = 0.0
    for a in range(2):
        subtotal = 0.0
        for v in [v for v in range(4) if v != a]:
            p = torch.softmax(scores[v] / 0.1, dim=1)
            subtotal -= float((codes[a] * p.log()).sum(1).mean())
        total += subtotal / 3
    assert losses.swav_loss(scores, codes, 0.1).item() == pytest.approx(total / 2, rel=1e-9)


# --- RELICv2


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


def test_relic_is_the_formula() -> None:
    o, t = rows(7, 5), rows(7, 5, seed=1)
    negatives = losses.negative_rows(7, 3, torch.Generator().manual_seed(0))
    contrast, divergence = losses.relic_loss(o, t, negatives, 0.3)
    wanted = relic_by_loops(o, t, negatives, 0.3)
    assert (contrast.item(), divergence.item()) == pytest.approx(wanted, rel=1e-9)


def test_relic_of_parts_has_the_mean_of_the_whole() -> None:
    o, t = rows(6, 5), rows(6, 5, seed=1)
    negatives = losses.negative_rows(6, 3)
    whole = torch.stack(losses.relic_loss(o, t, negatives, 0.3))
    parts = [torch.stack(losses.relic_loss(o, t, negatives, 0.3, offset=i, rows=3)) for i in (0, 3)]
    torch.testing.assert_close(torch.stack(parts).mean(0), whole)


def test_the_divergence_moves_one_side_only() -> None:
    o, t = rows(4, 3), rows(4, 3, seed=1)
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


# --- CAST


def toy_network(weight: Tensor, images: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Maps by a 1 x 1 convolution and a square, and the score q·k of pooled, normalized maps."""
    maps = torch.einsum("oc,bchw->bohw", weight, images).square()
    q = normalize(maps.mean(dim=(2, 3)), dim=1)
    return maps, (q * keys).sum()


def test_grad_cam_has_the_weights_of_a_finite_difference() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(2, 3, 4, 4, generator=generator, dtype=torch.float64)
    keys = rows(2, 3, seed=5)

    def score(a: Tensor) -> Tensor:
        return (normalize(a.mean(dim=(2, 3)), dim=1) * keys).sum()

    free = maps.clone().requires_grad_()
    cam = losses.grad_cam(score(free), free)
    alpha = slope(score, maps).mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(cam, (alpha * maps).sum(1), rtol=1e-6, atol=1e-9)


def test_the_attention_loss_reaches_the_weights_through_the_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, 3, 3, generator=generator, dtype=torch.float64)
    mask = torch.rand(2, 3, 3, generator=generator, dtype=torch.float64)
    weight = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    keys = rows(2, 4, seed=5)

    def loss(value: Tensor) -> Tensor:
        maps, score = toy_network(value, images, keys)
        return losses.attention_loss(losses.rectify(losses.grad_cam(score, maps)), mask)

    free = weight.clone().requires_grad_()
    loss(free).backward()
    wanted = slope(lambda v: loss(v.clone().requires_grad_()), weight)
    assert wanted.abs().max() > 1e-3
    torch.testing.assert_close(free.grad, wanted, rtol=1e-4, atol=1e-7)


def test_attention_is_a_cosine_per_image() -> None:
    cam = torch.tensor([[[1.0, 0.0]], [[0.0, 2.0]], [[1.0, 1.0]]])
    mask = torch.tensor([[[3.0, 0.0]], [[1.0, 0.0]], [[1.0, 0.0]]])
    assert losses.attention_loss(cam, mask).item() == pytest.approx((0 + 1 + 1 - 0.5**0.5) / 3)
    whole = 1 - (3 + 0 + 1) / (7**0.5 * 11**0.5)
    assert losses.attention_loss(cam, mask, whole_batch=True).item() == pytest.approx(whole)


def test_attention_without_a_mask_or_a_map() -> None:
    cam = torch.zeros(2, 3, 3, requires_grad=True)
    empty, full = torch.zeros(3, 3), torch.ones(3, 3)
    loss = losses.attention_loss(losses.rectify(cam), torch.stack([empty, full]))
    loss.backward()
    assert loss.item() == pytest.approx((0 + 1) / 2)  # no mask: no weight; no map: cosine 0
    assert cam.grad is not None
    assert (cam.grad == 0).all()


def test_attention_does_not_see_the_scale_of_small_maps() -> None:
    cam, mask = torch.rand(3, 4, 4), torch.rand(3, 4, 4)
    small, large = losses.attention_loss(cam * 1e-7, mask), losses.attention_loss(cam, mask)
    assert small.item() == pytest.approx(large.item(), rel=1e-4)


def test_stretched_maps_span_0_to_1_and_rectified_ones_cut() -> None:
    cam = torch.randn(4, 3, 3)
    made = losses.stretch(cam)
    torch.testing.assert_close(made.amin((1, 2)), torch.zeros(4))
    torch.testing.assert_close(made.amax((1, 2)), torch.ones(4))
    assert torch.equal(losses.rectify(cam), cam.clamp_min(0))


# --- kNN-MoCo


def test_nearest_rows_are_those_of_a_full_sort() -> None:
    features, queue = 5 * rows(6, 4), rows(30, 4, seed=1)
    found = losses.nearest_in_queue(features, queue, 7)
    distance = np.linalg.norm(normalize(features, dim=1).numpy()[:, None] - queue.numpy()[None], axis=2)
    wanted = np.argsort(distance, axis=1)[:, :7]
    assert np.array_equal(np.sort(found.numpy(), 1), np.sort(wanted, 1))


def test_knn_loss_is_the_mean_over_neighbors() -> None:
    logits = rows(3, 8) * 5
    neighbors = torch.tensor([[0, 1], [2, 7], [4, 5]])
    p = torch.softmax(logits, dim=1)
    wanted = -sum(log(float(p[i, j])) for i in range(3) for j in neighbors[i].tolist()) / 6
    assert losses.knn_loss(logits, neighbors).item() == pytest.approx(wanted, rel=1e-9)


# --- precision


def test_losses_are_float32_under_autocast() -> None:
    q, k, queue = (rows(n, 64, seed=n).float() for n in (8, 9, 500))
    k = k[:8]
    wanted = losses.info_nce(q, k, queue, 0.07)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (q @ queue.T).dtype == torch.bfloat16
        found = losses.info_nce(q, k, queue, 0.07)
        scores = losses.swav_loss([q.bfloat16(), k.bfloat16()], [q.abs()], 0.1)
    assert torch.equal(found, wanted)
    assert scores.dtype == torch.float32
