"""Presets of kNN-MoCo against the paper's figures, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from maskgen.trainers.presets.knn_moco import PRESETS


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("coco-800", (800, 256, "sgd", 0.3, 0, 1e-4, 0.995)),
    ],
)
def test_settings_are_the_papers(name: str, figures: tuple[Any, ...], figures_of: Callable[..., Any]) -> None:
    assert figures_of(PRESETS[name]) == pytest.approx(figures)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("coco-200", (6, {160, 96}, (0.2, 1), "none", 0)),
    ],
)
def test_views_are_the_papers(name: str, figures: tuple[Any, ...], views_of: Callable[..., Any]) -> None:
    assert views_of(PRESETS[name]) == figures


def test_neighbors_and_overlap_are_the_papers() -> None:
    preset = PRESETS["coco-200"]
    assert (preset.neighbors, preset.neighbor_weight, preset.neighbor_start_epoch) == (20, 0.4, 5)
    assert preset.views.views[2].crop.overlap_min == 0.2
