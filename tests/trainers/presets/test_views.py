"""A recipe with a preset's changes: backgrounds, sizes, crops, and views that do not fit."""

from __future__ import annotations

import dataclasses

import pytest

from maskgen.errors import UsageError
from maskgen.loaders.recipes.published import RECIPES
from maskgen.trainers.presets import PRESETS, with_overrides
from maskgen.trainers.registry import METHOD_NAMES


@pytest.mark.parametrize("method", METHOD_NAMES)
@pytest.mark.parametrize("kind", ["grey", "donor"])
def test_every_method_takes_any_background_and_corruption(method: str, kind: str) -> None:
    changes = {
        "background": kind,
        "background_p": "0.3",
        "fg_min": "0.1",
        "corruption": "rotate",
        "corruption_amount": "30",
    }
    recipe = with_overrides(PRESETS[method]["smoke"], changes).views
    largest = max(view.size for view in recipe.views)
    for view in recipe.views:
        assert (view.background.p == 0.3) == (view.size == largest)
        assert view.size < largest or (view.background.replace == kind and view.crop.fg_min == 0.1)
    assert recipe.corruption is not None
    assert (recipe.corruption.change, recipe.corruption.amount) == ("rotate", 30)


def test_small_views_take_part_when_asked() -> None:
    changes = {"background": "grey", "background_p": "0.1", "background_small": "yes"}
    assert all(v.background.p == 0.1 for v in with_overrides(PRESETS["swav"]["smoke"], changes).views.views)


def test_casts_crop_becomes_mocos_without_a_least_foreground() -> None:
    crop = with_overrides(PRESETS["cast"]["coco-200"], {"fg_min": "0"}).views.views[0].crop
    assert crop == RECIPES["mocov2"].views[0].crop


def test_sizes_change_without_the_rest() -> None:
    recipe = with_overrides(PRESETS["mocov2"]["bg-swaps-220"], {"view_px": "96"}).views
    assert recipe.negative is not None
    assert [view.size for view in (*recipe.views, recipe.negative.view)] == [96, 96, 96]
    before = PRESETS["mocov2"]["bg-swaps-220"].views
    assert dataclasses.replace(recipe.views[0], size=224) == before.views[0]


@pytest.mark.parametrize(
    ("method", "recipe", "cause"),
    [
        ("simclr", "supervised", "simclr compares 2 views"),
        ("cast", "mocov2", "does not make cam_masks and masked"),
        ("msr", "byol", "does not make weak"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(method: str, recipe: str, cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        with_overrides(PRESETS[method]["smoke"], {"recipe": recipe})
