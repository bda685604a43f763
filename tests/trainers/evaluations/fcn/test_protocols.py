"""The papers' settings and schedules."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.fcn.protocols import PROTOCOLS, FcnTrial, find_fcn_protocol


def test_rates_fall_where_the_papers_say() -> None:
    """Van Gansbeke et al.: after 30 and 40 of 45 epochs; MoCo: at 70 and 90 % of 30,000 steps."""
    rate = find_fcn_protocol("revisiting").factor(45, 661)
    assert [rate(epoch * 661) for epoch in (0, 29, 30, 39, 40, 44)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01]
    )
    assert rate(30 * 661 - 1) == 1
    rate = find_fcn_protocol("moco").factor(30, 1000)
    assert [rate(step) for step in (20_999, 21_000, 27_000)] == pytest.approx([1, 0.1, 0.01])


def test_poly_is_torchs() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=12, power=0.9)
    rate = find_fcn_protocol("revisiting-cityscapes").factor(3, 4)
    for step in range(12):
        assert rate(step) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_published_settings() -> None:
    found = {
        name: (one.lrs, one.steps or one.epochs, one.crop, one.dilation) for name, one in PROTOCOLS.items()
    }
    assert found["revisiting"] == ((0.003,), (45,), 513, 6)
    assert found["revisiting-cityscapes"] == ((1e-4,), (150,), 768, 1)
    assert found["moco"] == ((0.003,), 30_000, 513, 6)
    assert found["moco-cityscapes"] == ((0.01,), 90_000, 769, 6)
    assert (found["relicv2"][1], found["relicv2-cityscapes"][1]) == ((45,), (160,))
    steps = [rate / before for before, rate in zip(found["byol"][0], found["byol"][0][1:], strict=False)]
    assert steps == pytest.approx([10**0.5] * 4, rel=1e-4)
    for one in PROTOCOLS.values():
        assert (one.batch_size, one.weight_decay, one.scales) == (16, 1e-4, (0.5, 2.0))
        assert set(one.ours) < set(vars(one))
        assert one.optimizer in ("sgd", "adam")


def test_values_of_ones_own_and_what_there_is_not() -> None:
    found = find_fcn_protocol("moco", epochs=(3, 5), crop=None, lrs=(0.1, 1.0))
    assert (found.epochs, found.steps, found.crop) == ((3, 5), 0, 513)
    assert found.trials() == [FcnTrial(0.1, 3), FcnTrial(0.1, 5), FcnTrial(1.0, 3), FcnTrial(1.0, 5)]
    assert [str(one) for one in found.trials()[:1]] == ["lr 0.1 epochs 3"]
    assert [str(one) for one in find_fcn_protocol("moco").trials()] == ["lr 0.003"]
    assert find_fcn_protocol("moco", weight_decay=0.0).weight_decay == 0
    with pytest.raises(UsageError, match="moco-cityscapes"):
        find_fcn_protocol("moco-cityscape")
    with pytest.raises(UsageError, match="MSR publishes no fine-tuning of a fully convolutional"):
        find_fcn_protocol("msr")
