from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
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


@pytest.mark.parametrize(("epochs", "steps"), [(1000, 312_784), (3000, 938_354), (5000, 1_563_924)])
def test_jft_is_trained_for_imagenets_epochs(epochs: int, steps: int) -> None:
    """1,281,167 images an epoch at a batch of 4096, whatever a pass over JFT-300M takes."""
    rate = build_schedule(find_preset("relicv2", f"jft-{epochs}"), 300_000_000 // 4096)
    assert (rate.steps, rate.warmup_steps) == (steps, 3127)
    assert rate.at(3126) < rate.at(3127) == rate.peak == pytest.approx((4.8, 3.2)[epochs > 1000])
    assert rate.at(steps) == pytest.approx(0)
    assert rate.epoch_at(steps) == pytest.approx(epochs, abs=0.01)
    ends = [step for step in range(1, 1000) if rate.ends_epoch(step)]
    assert ends == [313, 626, 939]  # 312.78 steps each


@pytest.mark.parametrize("kind", ["cosine step", "cosine epoch", "steps", "constant"])
def test_epochs_of_a_fraction_of_a_step_more(kind: str) -> None:
    rate = LearningRate(
        peak=1, epochs=6, steps_per_epoch=Fraction(7, 3), kind=kind, milestones=(2, 4), warmup_epochs=1
    )
    assert (rate.steps, rate.warmup_steps) == (14, 2)
    assert [step for step in range(1, 15) if rate.ends_epoch(step)] == [3, 5, 7, 10, 12, 14]
    wanted = {
        "cosine step": 0.5 * (1 + cos(pi * 8 / 12)),
        "cosine epoch": 0.5 * (1 + cos(pi * (28 / 3 - 2) / 12)),
        "steps": 0.01,
        "constant": 1.0,
    }
    assert rate.at(10) == pytest.approx(wanted[kind])  # in epoch 4, which begins at 28 / 3


def test_steps_take_the_place_of_epochs() -> None:
    preset = replace(find_preset("mocov2", "bg-rm-220"), steps=300)
    rate = build_schedule(preset, 10)
    assert (rate.steps, rate.warmup_steps) == (300, 200)
    assert rate.at(250) == pytest.approx(rate.peak / 2)
    assert [step for step in range(285, 301) if rate.ends_epoch(step)] == [290, 300]
    assert build_schedule(replace(preset, steps=297), 10).ends_epoch(297)
    with pytest.raises(UsageError, match=r"20 epochs of warm-up in a run of 19\.9"):
        build_schedule(replace(preset, steps=199), 10)
    with pytest.raises(UsageError, match="are no step"):
        build_schedule(
            replace(preset, steps=0, epochs=2, epoch_images=100, batch_size=1024, warmup_epochs=0), 10
        )


def test_a_warm_up_longer_than_the_run_is_refused() -> None:
    preset = replace(find_preset("mocov2", "bg-rm-220"), epochs=10)
    with pytest.raises(UsageError, match="20 epochs of warm-up in a run of 10"):
        build_schedule(preset, 5)
    with pytest.raises(UsageError, match="unknown schedule"):
        LearningRate(peak=1, epochs=1, steps_per_epoch=1, kind="linear")
