"""Presets of MSR against the paper's figures, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from maskgen.trainers.presets import resolved
from maskgen.trainers.presets.msr import PRESETS


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("cifar-200", (200, 256, "sgd", 0.1, 0, 5e-4, 0.99)),
        ("fixed-imagenet100-100", (100, 256, "sgd", 0.2, 0, 1e-4, 0.99)),
        ("simsiam-stl-200", (200, 256, "sgd", 0.1, 0, 5e-4, 0.99)),
        ("simsiam-imagenet100-200", (200, 256, "sgd", 0.2, 0, 1e-4, 0.99)),
        ("imagenet100-200", (200, 256, "sgd", 0.2, 0, 1e-4, 0.99)),
        ("imagenet-100", (100, 2048, "lars", 7.2, 10, 1e-6, 0.99)),
        ("imagenet-200", (200, 2048, "lars", 4.8, 10, 1e-6, 0.99)),
    ],
)
def test_settings_are_the_papers(name: str, figures: tuple[Any, ...], figures_of: Callable[..., Any]) -> None:
    assert figures_of(PRESETS[name]) == pytest.approx(figures)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("cifar-200", (2, {32}, (0.2, 1), "none", 0)),
        ("tiny-200", (2, {64}, (0.2, 1), "none", 0)),
    ],
)
def test_views_are_the_papers(name: str, figures: tuple[Any, ...], views_of: Callable[..., Any]) -> None:
    assert views_of(PRESETS[name]) == figures


@pytest.mark.parametrize(("name", "beta"), [("cifar-200", 0.3), ("stl-200", 0.4), ("imagenet-100", 0.4)])
def test_beta_follows_the_data(name: str, beta: float) -> None:
    assert PRESETS[name].msr_beta == beta


def test_table_1_compares_a_fixed_weight_of_a_half() -> None:
    for name in ("fixed-cifar-200", "fixed-stl-200", "fixed-imagenet100-100"):
        assert (PRESETS[name].msr_beta, PRESETS[name].msr_schedule) == (0.5, "fixed")
        decay = PRESETS[name.replace("fixed", "decay")]
        assert (decay.msr_beta, decay.msr_schedule) == (0.5, "cosine")
        assert {**resolved(decay), "msr_schedule": "fixed"} == resolved(PRESETS[name])
