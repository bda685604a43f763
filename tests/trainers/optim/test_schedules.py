from __future__ import annotations

from dataclasses import replace
from math import cos, pi

import pytest
import torch

from maskgen.errors import UsageError
from maskgen.trainers.optim.schedules import LearningRate, build_schedule
from maskgen.trainers.presets import find_preset


def test_cosine_per_step_equals_torchs() -> None:
    rate = LearningRate(peak=0.4, epochs=5, steps_per_epoch=7, final=0.01)
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.4)
    peer = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=35, eta_min=0.01)
    for step in range(35):
        assert rate.at(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        peer.step()


def test_cosine_per_epoch_is_mocos_formula_and_holds_within_an_epoch() -> None:
    rate = LearningRate(peak=0.03, epochs=200, steps_per_epoch=10, kind="cosine epoch")
    for epoch in (0, 1, 57, 199):
        wanted = 0.03 * 0.5 * (1 + cos(pi * epoch / 200))
        assert [rate.at(epoch * 10 + within) for within in range(10)] == pytest.approx([wanted] * 10)


def test_warm_up_is_linear_from_its_start_and_the_cosine_begins_at_its_end() -> None:
    rate = LearningRate(
        peak=4.8, epochs=100, steps_per_epoch=10, final=0.0048, warmup_start=0.3, warmup_epochs=10
    )
    assert rate.at(0) == pytest.approx(0.3)
    assert rate.at(50) == pytest.approx((0.3 + 4.8) / 2)
    assert rate.at(100) == pytest.approx(4.8)
    assert rate.at(550) == pytest.approx((4.8 + 0.0048) / 2)
    assert rate.at(1000) == pytest.approx(0.0048)
    assert rate.at(10**6) == pytest.approx(0.0048)


def test_a_warm_up_of_half_an_epoch() -> None:
    rate = LearningRate(peak=1.0, epochs=2, steps_per_epoch=4, warmup_epochs=0.5, kind="constant")
    assert [rate.at(step) for step in range(4)] == [0.0, 0.5, 1.0, 1.0]


def test_steps_fall_at_their_milestones() -> None:
    rate = LearningRate(peak=30, epochs=100, steps_per_epoch=3, kind="steps", milestones=(60, 80))
    found = [rate.at(epoch * 3) for epoch in (0, 59, 60, 79, 80, 99)]
    assert found == pytest.approx([30, 30, 3, 3, 0.3, 0.3])


def test_a_presets_rates_are_scaled_by_its_batch() -> None:
    swav, byol = find_preset("swav", "imagenet-100"), find_preset("byol", "imagenet-300")
    absolute, scaled = build_schedule(swav, 10), build_schedule(byol, 10)
    assert (absolute.at(0), absolute.at(100)) == (pytest.approx(0.3), pytest.approx(4.8))
    assert scaled.at(100) == pytest.approx(0.3 * 4096 / 256)
    assert scaled.steps == 3000


def test_a_warm_up_longer_than_the_run_is_refused() -> None:
    preset = replace(find_preset("mocov2", "bg-rm-220"), epochs=10)
    with pytest.raises(UsageError, match="20 epochs of warm-up in a run of 10"):
        build_schedule(preset, 5)
    with pytest.raises(UsageError, match="unknown schedule"):
        LearningRate(peak=1, epochs=1, steps_per_epoch=1, kind="linear")
