"""Presets of BYOL against the paper's figures, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from maskgen.trainers.presets import resolved
from maskgen.trainers.presets.byol import PRESETS


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("plain-300", (300, 4096, "lars", 4.8, 10, 1e-6, 0.99)),
        ("bg-rm-300", (300, 4096, "lars", 4.8, 10, 1e-6, 0.99)),
        ("bg-random-1000", (1000, 4096, "lars", 3.2, 10, 1.5e-6, 0.996)),
    ],
)
def test_settings_are_the_papers(name: str, figures: tuple[Any, ...], figures_of: Callable[..., Any]) -> None:
    assert figures_of(PRESETS[name]) == pytest.approx(figures)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("plain-300", (2, {224}, (0.2, 1), "none", 0)),
        ("bg-rm-300", (2, {224}, (0.2, 1), "grey", 0.15)),
        ("bg-random-300", (2, {224}, (0.2, 1), "donor", 0.05)),
    ],
)
def test_views_are_the_papers(name: str, figures: tuple[Any, ...], views_of: Callable[..., Any]) -> None:
    assert views_of(PRESETS[name]) == figures


@pytest.mark.parametrize("name", ["plain-300", "plain-1000", "bg-rm-300", "bg-random-1000"])
def test_batchnorm_is_over_groups_of_8_of_64_gpus(name: str) -> None:
    assert PRESETS[name].sync_batchnorm == 8 * 4096 // 64


@pytest.mark.parametrize("name", ["cifar-200", "stl-200", "imagenet100-100"])
def test_table_1_of_msr_has_one_weak_view_of_two(name: str) -> None:
    weak, both = PRESETS[f"msr-weak-{name}"], PRESETS[f"msr-{name}"]
    (_, two), (three, four) = weak.views.views, both.views.views
    assert weak.views.views[0] == three
    assert (two.photometric.jitter_p, two.photometric.gray_p, two.photometric.blur_p) == (0, 0, 0)
    assert (two.size, two.crop, two.flip_p) == (four.size, four.crop, four.flip_p)
    assert {**resolved(weak), "views": None} == {**resolved(both), "views": None}
