"""The loss against the formula worked by hand, and the clamp against what it says of gradients."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from maskgen.pipelines.distill.training.losses import (  # noqa: E402
    clamp_surer,
    edge_loss,
    f_measure_loss,
    pseudo_label_loss,
)


def row(*values: float) -> torch.Tensor:
    return torch.tensor([[list(values)]])


@pytest.mark.parametrize(("beta2", "expected"), [(1.0, 1 - 0.7 / 1.1), (4.0, 1 - 5 * 0.7 / (4 * 1 + 1.2))])
def test_f_measure_by_hand(beta2: float, expected: float) -> None:
    # TP = .7, sum p = 1.2, sum y = 1: P = 7/12, R = .7, F = (1 + b) TP / (b sum y + sum p)
    assert float(f_measure_loss(row(0.7, 0.3, 0.2), row(1, 0, 0), beta2)) == pytest.approx(expected, abs=1e-4)


def test_f_measure_is_that_of_counted_pixels() -> None:
    rng = np.random.default_rng(0)
    found, truth = rng.random((2, 4, 9, 9)) > 0.4
    losses = []
    for a, b in zip(found, truth, strict=True):
        tp, fp, fn = (a & b).sum(), (a & ~b).sum(), (~a & b).sum()
        losses.append(1 - 1.3 * tp / (1.3 * tp + 0.3 * fn + fp))
    given = f_measure_loss(torch.from_numpy(found).float(), torch.from_numpy(truth).float(), 0.3)
    assert float(given) == pytest.approx(np.mean(losses), abs=1e-4)


def test_the_right_map_costs_nothing_and_the_wrong_one_everything() -> None:
    truth = (torch.arange(16.0).view(1, 4, 4) > 9).float()
    assert float(f_measure_loss(truth, truth, 1.0)) == pytest.approx(0, abs=1e-4)
    assert float(f_measure_loss(1 - truth, truth, 1.0)) == pytest.approx(1, abs=1e-4)


def test_an_empty_label_has_no_gradient() -> None:
    maps = torch.full((1, 3, 3), 0.4, requires_grad=True)
    loss = f_measure_loss(maps, torch.zeros(1, 3, 3), 1.0)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(1)
    assert maps.grad is not None
    assert not maps.grad.any()


def test_the_clamp_is_one_sided() -> None:
    labels = row(0.7, 0.7, 0.2, 0.2)
    maps = row(0.8, 0.6, 0.1, 0.3)
    assert clamp_surer(maps, labels, 0.5).tolist() == row(1.0, 0.6, 0.0, 0.3).tolist()


def test_only_what_is_less_sure_than_its_label_is_pulled() -> None:
    maps = row(0.8, 0.6, 0.1, 0.3).requires_grad_()
    pseudo_label_loss(maps, (row(0.7, 0.7, 0.2, 0.2),), (0.5,), 1.0).backward()
    assert maps.grad is not None
    gradient = maps.grad[0, 0]
    assert gradient[0] == 0
    assert gradient[1] < 0  # towards foreground
    assert gradient[2] == 0
    assert gradient[3] > 0  # towards background


def test_several_labels_are_averaged_at_their_own_thresholds() -> None:
    rng = np.random.default_rng(1)
    maps, first, second = torch.from_numpy(rng.random((3, 2, 5, 5)))
    both = pseudo_label_loss(maps, (first, second), (0.3, 0.6), 4.0)
    single = [pseudo_label_loss(maps, (label,), (cut,), 4.0) for label, cut in ((first, 0.3), (second, 0.6))]
    assert float(both) == pytest.approx(float(sum(single)) / 2)


def test_edge_loss_by_hand() -> None:
    # 3 x 3, so that the 15 px square holds all of it: the mean of the labels is 1/9, its border left out
    labels = torch.zeros(1, 3, 3)
    labels[0, 1, 1] = 1
    logits = torch.full((1, 3, 3), -2.0)
    logits[0, 1, 1] = 1.0
    weights = np.full((3, 3), 1 + 2 * (1 / 9))
    weights[1, 1] = 1 + 2 * (8 / 9)
    entropies = np.full((3, 3), np.log(1 + np.exp(-2)))
    entropies[1, 1] = np.log(1 + np.exp(-1))
    p, q = 1 / (1 + np.exp(2)), 1 / (1 + np.exp(-1))
    overlap, union = q, 8 * p + 1
    expected = (weights * entropies).sum() / weights.sum() + 0.5 * (1 - (overlap + 1) / (union + 1))
    assert float(edge_loss(logits, labels)) == pytest.approx(expected, rel=1e-5)


def test_edge_loss_weighs_what_lies_at_an_edge() -> None:
    labels = torch.zeros(1, 40, 40)
    labels[:, :, 20:] = 1
    right = torch.where(labels > 0, 8.0, -8.0)
    near, far = right.clone(), right.clone()
    near[:, :, 19] = 0  # the same fault beside the edge and far from it
    far[:, :, 5] = 0
    assert float(edge_loss(near, labels)) > float(edge_loss(far, labels))


def test_edge_loss_is_least_at_the_label_itself() -> None:
    labels = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))
    logits = torch.logit(labels).requires_grad_()
    weightless = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
    weightless.backward()
    assert float(logits.grad.abs().max()) < 1e-6  # soft labels are met by their own value
    assert float(edge_loss(torch.logit(labels), labels)) < float(edge_loss(torch.logit(1 - labels), labels))
