"""Presets of CAST against the paper's figures, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from maskgen.loaders import Crop
from maskgen.trainers.presets import find_preset, render, resolved
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


def test_ablations_are_one_thing_apart_from_the_paper() -> None:
    base = {**resolved(PRESETS["coco-200"]), "views": None}
    for name in ("phi0-200", "intersection-200", "uniform-200"):
        assert {**resolved(PRESETS[name]), "views": None} == base
    moco = PRESETS["phi0-200"].views.views[0].crop
    assert (moco.fg_min, moco.rule, moco.center) == (0, "plain", "uniform")
    query, key = PRESETS["intersection-200"].views.views
    assert (query.masks_within, key.masks_within, key.crop.fg_within) == (1, 0, 0)
    assert PRESETS["uniform-200"].views.views[1].crop == Crop(fg_min=0.2, rule="phi")
    assert {**resolved(PRESETS["coco-mlp-200"]), "head": "linear"} == resolved(PRESETS["coco-200"])


def test_the_baselines_of_table_1_have_the_settings_of_cast() -> None:
    cast = resolved(PRESETS["coco-200"])
    for name in ("cast-coco-200", "cast-crop-200"):
        control = resolved(find_preset("mocov2", name))
        other = {key for key in control.keys() & cast.keys() if control[key] != cast[key]}
        assert other == {"method", "views"}


def test_the_codes_preset_says_what_it_does_not_have() -> None:
    """Its jitter adds to the saturation, which no recipe's can do."""
    preset = PRESETS["coco-code-200"]
    assert render(preset).splitlines()[0].endswith("its code as it was run, but for the color jitter")
    assert {view.photometric.jitter for view in preset.views.views} == {(0.4, 0.4, 0.4, 0.4)}
    assert (preset.attention_map, preset.attention_over, preset.ema) == ("minmax", "batch", 0.998)
