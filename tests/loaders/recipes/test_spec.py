"""Descriptions of views: ranges, defaults, and parts that do not fit each other."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from maskgen.errors import UsageError
from maskgen.loaders.recipes.parts import (
    NO_PHOTOMETRIC,
    Background,
    Crop,
    Photometric,
)
from maskgen.loaders.recipes.spec import Negative, Recipe, View


def with_views(*views: View, **others: Any) -> Recipe:
    return Recipe(views=views, **others)


STRONG = Photometric(auto_augment_p=0.5)


GRAY = Background(replace="grey", p=0.2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: with_views(View(crop=Crop(overlap_of=0))), "crop"),
        (lambda: with_views(View(), View(crop=Crop(iou=(1, 0, 0.5)))), "crop"),
        (lambda: with_views(View(), View(crop=Crop(fg_min=0.2, fg_within=1))), "crop"),
        (lambda: with_views(View(), View(masks=True, masks_within=1)), "masks_within"),
        (lambda: with_views(View(masks=True, masks_within=2), View()), "masks_within"),
        (lambda: with_views(View(photometric=STRONG, masks=True)), "AutoAugment"),
        (lambda: with_views(View(photometric=STRONG, cam_masks=7)), "AutoAugment"),
        (lambda: with_views(View(photometric=STRONG, masked=True)), "AutoAugment"),
        (lambda: with_views(View(photometric=STRONG, background=GRAY)), "AutoAugment"),
        (lambda: with_views(View(size=96), negative=Negative()), "96 px"),
        (lambda: with_views(View(photometric=STRONG), negative=Negative()), "AutoAugment"),
        (lambda: with_views(View(), negative=Negative(view=View(photometric=STRONG))), "AutoAugment"),
        (lambda: with_views(View(), negative=Negative(view=View(photometric=NO_PHOTOMETRIC))), "chains"),
        (lambda: with_views(View(background=replace(GRAY, place="before")), negative=Negative()), "after"),
        (lambda: with_views(View(), negative=Negative(view=View(crop=Crop(overlap_of=0)))), "another photo"),
        (lambda: with_views(View(), negative=Negative(background_of=1)), "view 1, which is none"),
        (lambda: with_views(View(background=GRAY), negative=Negative(p=0.3, coupled=True)), "p 0.3.* 0.2"),
        (
            lambda: with_views(
                View(background=GRAY), negative=Negative(view=View(background=Background(place="before")))
            ),
            "placed before .* after it",
        ),
        (
            lambda: with_views(View(), negative=Negative(view=View(crop=Crop(fg_min=0.1, fg_within=0)))),
            "another photo",
        ),
        (
            lambda: with_views(View(photometric=Photometric(solarize_threshold=100)), negative=Negative()),
            "chains",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(make: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make()


def test_parts_that_do_fit() -> None:
    with_views(View(), View(crop=Crop(overlap_of=0)), View(crop=Crop(iou=(1, 0.0, 0.3))))
    with_views(View(masks=True, masks_within=1), View(crop=Crop(fg_min=0.1, fg_within=0)))
    with_views(View(photometric=STRONG, background=replace(GRAY, place="before"), weak=True))
    with_views(View(background=GRAY), negative=Negative())
    before = replace(GRAY, place="before")
    with_views(View(background=before), negative=Negative(view=View(background=Background(place="before"))))
    with_views(View(), View(background=GRAY), negative=Negative(background_of=1, coupled=True, count=5))


@pytest.mark.parametrize(("formula", "needed"), [("prose", True), ("printed", False), ("hole", False)])
def test_negatives_of_finished_views_need_no_stored_backgrounds(formula: Any, needed: bool) -> None:
    recipe = with_views(View(), negative=Negative(formula=formula, count=3))
    assert recipe.needs_backgrounds is needed
    assert recipe.needs_masks
    assert recipe.all_views == (View(),) * 4


def test_views_cannot_be_changed_and_compare_by_value() -> None:
    view = View()
    with pytest.raises(FrozenInstanceError):
        view.size = 3  # type: ignore[misc]
    assert view == View()
    assert hash(view) == hash(View())
    assert view != View(size=96)


def test_what_a_recipe_needs() -> None:
    donor = Background(replace="donor", p=0.1)
    cases = [
        (with_views(View()), False, False),
        (with_views(View(crop=Crop(fg_min=0.2))), False, False),
        (with_views(View(masks=True)), True, False),
        (with_views(View(cam_masks=7)), True, False),
        (with_views(View(masked=True)), True, False),
        (with_views(View(background=GRAY)), True, False),
        (with_views(View(background=replace(GRAY, p=0.0))), False, False),
        (with_views(View(), View(background=donor)), True, True),
        (with_views(View(), negative=Negative()), True, True),
        (with_views(View(), negative=Negative(p=0.0)), True, False),
    ]
    for recipe, masks, backgrounds in cases:
        assert (recipe.needs_masks, recipe.needs_backgrounds) == (masks, backgrounds), recipe


@pytest.mark.parametrize("more", [{"masks": True}, {"weak": True}, {"masked": True}, {"cam_masks": 7}])
def test_a_negative_has_no_further_outputs(more: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="view"):
        Negative(view=View(**more))  # type: ignore[arg-type]
