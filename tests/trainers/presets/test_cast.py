"""Presets of CAST against the paper's figures, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from maskgen.trainers.presets import render
from maskgen.trainers.presets.cast import PRESETS


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("coco-200", (200, 256, "sgd", 0.5, 0, 1e-4, 0.999)),
    ],
)
def test_settings_are_the_papers(name: str, figures: tuple[Any, ...], figures_of: Callable[..., Any]) -> None:
    assert figures_of(PRESETS[name]) == pytest.approx(figures)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("coco-200", (2, {224}, (0.2, 1), "none", 0)),
    ],
)
def test_views_are_the_papers(name: str, figures: tuple[Any, ...], views_of: Callable[..., Any]) -> None:
    assert views_of(PRESETS[name]) == figures


def test_the_attention_is_the_papers() -> None:
    preset = PRESETS["coco-200"]
    assert (preset.temperature, preset.attention_weight, preset.clip_norm) == (0.07, 3, 2)
    assert preset.head == "linear"
    assert preset.views.views[0].cam_masks == 7


def test_the_codes_preset_says_what_it_does_not_have() -> None:
    """Its jitter adds to the saturation, which no recipe's can do."""
    preset = PRESETS["coco-code-200"]
    assert render(preset).splitlines()[0].endswith("its code as it was run, but for the color jitter")
    assert {view.photometric.jitter for view in preset.views.views} == {(0.4, 0.4, 0.4, 0.4)}
    assert (preset.attention_map, preset.attention_over, preset.ema) == ("minmax", "batch", 0.998)
