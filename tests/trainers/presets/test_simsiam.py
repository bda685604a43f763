"""Presets of SimSiam against the paper's figures, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from maskgen.trainers.presets.simsiam import PRESETS


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("imagenet-100", (100, 512, "sgd", 0.1, 0, 1e-4, None)),
    ],
)
def test_settings_are_the_papers(name: str, figures: tuple[Any, ...], figures_of: Callable[..., Any]) -> None:
    assert figures_of(PRESETS[name]) == pytest.approx(figures)


def test_the_heads_are_the_papers() -> None:
    preset = PRESETS["imagenet-100"]
    assert (preset.head_hidden, preset.head_out, preset.predictor_hidden) == (2048, 2048, 512)
    assert preset.fixed_predictor_lr
