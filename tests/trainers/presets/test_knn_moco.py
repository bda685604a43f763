"""Presets of kNN-MoCo against the paper's figures, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.presets import with_overrides
from maskgen.trainers.presets.knn_moco import PRESETS


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("coco-800", (800, 256, "sgd", 0.3, 0, 1e-4, 0.995)),
        ("mc-200", (200, 256, "sgd", 0.3, 0, 1e-4, 0.999)),
        ("mc-cc-200", (200, 256, "sgd", 0.3, 0, 1e-4, 0.999)),
        ("mc-cc-m-200", (200, 256, "sgd", 0.3, 0, 1e-4, 0.995)),
        ("mc-cc-m-a-800", (800, 256, "sgd", 0.3, 0, 1e-4, 0.995)),
    ],
)
def test_settings_are_the_papers(name: str, figures: tuple[Any, ...], figures_of: Callable[..., Any]) -> None:
    assert figures_of(PRESETS[name]) == pytest.approx(figures)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("coco-200", (6, {160, 96}, (0.2, 1), "none", 0)),
        ("mc-200", (6, {160, 96}, (0.2, 1), "none", 0)),
    ],
)
def test_views_are_the_papers(name: str, figures: tuple[Any, ...], views_of: Callable[..., Any]) -> None:
    assert views_of(PRESETS[name]) == figures


def test_neighbors_and_overlap_are_the_papers() -> None:
    preset = PRESETS["coco-200"]
    assert (preset.neighbors, preset.neighbor_weight, preset.neighbor_start_epoch) == (20, 0.4, 5)
    assert preset.views.views[2].crop.overlap_min == 0.2


@pytest.mark.parametrize(
    ("name", "constrained", "strong", "weight"),
    [
        ("mc-200", False, 0, 0),
        ("mc-cc-200", True, 0, 0),
        ("mc-cc-m-200", True, 0, 0),
        ("mc-cc-m-a-200", True, 0.5, 0),
        ("coco-200", True, 0.5, 0.4),
        ("mc-cc-m-nn-200", True, 0, 0.4),
        ("mc-cc-m-800", True, 0, 0),
        ("mc-cc-m-a-800", True, 0.5, 0),
    ],
)
def test_rows_of_tables_4_8_and_9(name: str, constrained: bool, strong: float, weight: float) -> None:
    preset = PRESETS[name]
    query, anchor, *small = preset.views.views
    assert [view.crop.overlap_of for view in small] == [1 if constrained else None] * 4
    assert [view.photometric.auto_augment_p for view in (query, *small)] == [strong] * 5
    assert anchor.photometric.auto_augment_p == 0
    assert preset.neighbor_weight == weight


def test_table_7_replaces_the_standard_augmentations_in_positives_alone() -> None:
    preset = with_overrides(PRESETS["mc-cc-m-a-200"], {"auto_augment_p": "1"})
    assert [view.photometric.auto_augment_p for view in preset.views.views] == [1, 0, 1, 1, 1, 1]
    with pytest.raises(UsageError, match="'multi-crop' has no AutoAugment views"):
        with_overrides(PRESETS["mc-200"], {"auto_augment_p": "1"})


def test_appendix_b_begins_at_once_where_anchors_are_enqueued_first() -> None:
    preset = PRESETS["enqueued-200"]
    assert (preset.mine_enqueued, preset.neighbor_start_epoch) == (True, 0)
