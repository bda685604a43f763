"""Presets of SimCLR against the paper's figures, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from maskgen.trainers.presets.simclr import PRESETS


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("imagenet-1000", (1000, 4096, "lars", 4.8, 10, 1e-6, None)),
        ("multi-crop-100", (100, 4096, "lars", 4.8, 10, 1e-6, None)),
    ],
)
def test_settings_are_the_papers(name: str, figures: tuple[Any, ...], figures_of: Callable[..., Any]) -> None:
    assert figures_of(PRESETS[name]) == pytest.approx(figures)


def test_the_loss_and_the_head_are_the_papers() -> None:
    preset = PRESETS["imagenet-1000"]
    assert (preset.temperature, preset.head_hidden, preset.head_out) == (0.1, 2048, 128)
    assert preset.sync_batchnorm == -1


def test_multi_crop_has_relicv2s_views(views_of: Callable[..., Any]) -> None:
    """RELICv2, G.6: 4 large views, 2 small ones, saliency masks."""
    assert views_of(PRESETS["multi-crop-100"]) == (6, {224, 96}, (0.14, 1), "grey", 0.1)
