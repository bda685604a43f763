"""Presets of RELICv2 against the paper's figures, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from maskgen.trainers.presets.relicv2 import PRESETS


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("imagenet-100", (100, 4096, "lars", 4.8, 10, 1.5e-6, 0.99)),
        ("imagenet-1000", (1000, 4096, "lars", 4.8, 10, 1.5e-6, 0.996)),
        ("jft-3000", (3000, 4096, "lars", 3.2, 10, 1.5e-6, 0.996)),
    ],
)
def test_settings_are_the_papers(name: str, figures: tuple[Any, ...], figures_of: Callable[..., Any]) -> None:
    assert figures_of(PRESETS[name]) == pytest.approx(figures)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("imagenet-1000", (6, {224, 96}, (0.14, 1), "grey", 0.1)),
        ("jft-1000", (6, {224, 96}, (0.14, 1), "grey", 0.15)),
    ],
)
def test_views_are_the_papers(name: str, figures: tuple[Any, ...], views_of: Callable[..., Any]) -> None:
    assert views_of(PRESETS[name]) == figures


@pytest.mark.parametrize(
    ("epochs", "weights"), [(1000, (0.3, 2, 0.3)), (3000, (0.2, 1, 0.3)), (5000, (0.2, 2, 0.3))]
)
def test_jft_has_weights_of_its_own(epochs: int, weights: tuple[float, float, float]) -> None:
    preset = PRESETS[f"jft-{epochs}"]
    assert (preset.lr, preset.invariance_weight, preset.contrast_weight) == weights
    assert (preset.epoch_images, preset.steps) == (1_281_167, 0)
