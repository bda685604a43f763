"""Presets of SwAV against the paper's figures, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from maskgen.trainers.presets.swav import PRESETS


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("bg-rm-100", (100, 4096, "larc", 4.8, 10, 1e-6, None)),
        ("imagenet-256-400", (400, 256, "larc", 0.6, 0, 1e-6, None)),
    ],
)
def test_settings_are_the_papers(name: str, figures: tuple[Any, ...], figures_of: Callable[..., Any]) -> None:
    assert figures_of(PRESETS[name]) == pytest.approx(figures)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("bg-rm-100", (8, {224, 96}, (0.14, 1), "grey", 0.15)),
        ("bg-random-100", (8, {224, 96}, (0.14, 1), "donor", 0.05)),
        ("bg-random-800", (8, {224, 96}, (0.14, 1), "donor", 0.05)),
        ("bg-random-p20-100", (8, {224, 96}, (0.14, 1), "donor", 0.2)),
    ],
)
def test_views_are_the_papers(name: str, figures: tuple[Any, ...], views_of: Callable[..., Any]) -> None:
    assert views_of(PRESETS[name]) == figures


def test_small_batches_have_a_queue() -> None:
    preset = PRESETS["imagenet-256-200"]
    assert (preset.queue, preset.queue_start_epoch, preset.freeze_prototypes) == (3840, 15, 5005)
    assert preset.lr_final == 6e-4
