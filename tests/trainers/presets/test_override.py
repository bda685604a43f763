"""`--set`: values by name and type, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import UsageError
from maskgen.loaders import RECIPES
from maskgen.loaders.recipes.text import render_recipe, with_changes
from maskgen.trainers.presets import PRESETS, fingerprint, render, with_overrides


def test_values_are_set_by_type() -> None:
    preset = with_overrides(
        PRESETS["mocov2"]["imagenet-200"],
        {
            "lr": "0.1",
            "queue": "4096",
            "nesterov": "true",
            "milestones": "120,160",
            "fg-min": "0.1",
            "backbone": "resnet18",
        },
    )
    assert (preset.lr, preset.queue, preset.nesterov, preset.milestones) == (0.1, 4096, True, (120, 160))
    assert preset.backbone == "resnet18"
    assert preset.views.views[0].crop.fg_min == 0.1
    assert preset.changed == ("backbone", "fg_min", "lr", "milestones", "nesterov", "queue")
    assert with_overrides(preset, {"fg_min": "none"}).fg_min is None


@pytest.mark.parametrize(
    ("setting", "text", "message"),
    [
        ("temprature", "0.1", "did you mean 'temperature'"),
        ("prototypes", "10", "mocov2 does not use it"),
        ("lr", "fast", "lr takes a number, got 'fast'"),
        ("lr", "nan", "lr must be from 0 to 1e.12, got nan"),
        ("queue", "0", "queue must be at least 1"),
        ("LR", "0.1", r"did you mean 'lr'\?$"),
        ("small_px", "24", "'mocov2' has no small views"),
        ("overlap_min", "0.1", "'mocov2' has no constrained views"),
        ("overlap_min", "0", "'mocov2' has no constrained views"),
        ("queue", "1.5", "queue takes a whole number"),
        ("nesterov", "perhaps", "nesterov takes true or false"),
        ("milestones", "a,b", "whole numbers such as 60,80"),
        ("ema", "1.1", "ema must be from 0 to 1"),
        ("lr", "1e13", "lr must be from 0 to 1e.12, got 1"),
        ("lr", "-1", "lr must be at least 0, got -1"),
        ("optimizer", "sdg", "did you mean 'sgd'"),
        ("recipe", "moco", "did you mean 'mocov2'"),
        ("background", "gray", "did you mean 'grey'"),
        ("background_p", "0.2", "nothing replaces the background"),
        ("background", "grey", "set background_p"),
        ("negative_p", "0.3", "mocov2-bg-swaps"),
        ("corruption", "rotation", "did you mean 'rotate'"),
        ("method", "byol", "unknown setting 'method'"),
    ],
)
def test_wrong_settings_are_named(setting: str, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        with_overrides(PRESETS["mocov2"]["imagenet-200"], {setting: text})


def test_fields_of_views_are_set_by_their_paths_after_the_presets_own() -> None:
    base = PRESETS["mocov2"]["bg-swaps-220"]
    preset = with_overrides(base, {"views.1.background.p": "0", "background_p": "0.5"})
    assert [view.background.p for view in preset.views.views] == [0.5, 0.0]
    assert preset.view_changes == (("views.1.background.p", "0"),)
    assert fingerprint(preset) != fingerprint(with_overrides(base, {"background_p": "0.5"}))
    assert "views.1.background.p = 0  # set by you" in render(preset)
    again = with_overrides(preset, {"views.*.background.p": "0.1", "views.1.background.p": "0.3"})
    assert [view.background.p for view in again.views.views] == [0.1, 0.3]
    with pytest.raises(UsageError, match="did you mean 'background'"):
        with_overrides(base, {"views.0.backgrund.p": "0"})


def test_a_recipe_may_be_a_file(tmp_path: Path) -> None:
    swaps = RECIPES["mocov2-bg-swaps"]
    (tmp_path / "mine.toml").write_text(render_recipe(with_changes(swaps, {"views.1.background.p": "0"})))
    base = with_overrides(PRESETS["mocov2"]["bg-swaps-220"], {"jitter": "affine"})
    preset = with_overrides(base, {"recipe": str(tmp_path / "mine.toml")})
    assert [view.background.p for view in preset.views.views] == [0.2, 0.0]
    inline = with_overrides(base, {"views.1.background.p": "0"})
    assert fingerprint(preset) == fingerprint(inline), "what is trained counts, not how it was said"
