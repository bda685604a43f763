"""Presets of MoCo v2 against the paper's figures, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from maskgen.trainers.presets.mocov2 import PRESETS


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("imagenet-200", (200, 256, "sgd", 0.03, 0, 1e-4, 0.999)),
        ("bg-rm-220", (220, 1024, "sgd", 0.12, 20, 1e-4, 0.999)),
        ("bg-swaps-800", (800, 1024, "sgd", 0.12, 20, 1e-4, 0.999)),
        ("coco-200", (200, 256, "sgd", 0.3, 0, 1e-4, 0.999)),
        ("cast-coco-200", (200, 256, "sgd", 0.5, 0, 1e-4, 0.999)),
    ],
)
def test_settings_are_the_papers(name: str, figures: tuple[Any, ...], figures_of: Callable[..., Any]) -> None:
    assert figures_of(PRESETS[name]) == pytest.approx(figures)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("imagenet-200", (2, {224}, (0.2, 1), "none", 0)),
        ("bg-random-220", (2, {224}, (0.2, 1), "donor", 0.2)),
    ],
)
def test_views_are_the_papers(name: str, figures: tuple[Any, ...], views_of: Callable[..., Any]) -> None:
    assert views_of(PRESETS[name]) == figures


def test_swaps_have_matched_negatives_and_crops_with_foreground() -> None:
    views = PRESETS["bg-swaps-220"].views
    assert views.negative is not None
    assert (views.negative.p, views.views[0].background.p, views.views[0].crop.fg_min) == (0.2, 0.2, 0.1)
