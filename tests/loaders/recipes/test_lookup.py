"""Recipes by name, as views, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from maskgen.errors import UsageError
from maskgen.loaders import RECIPES, Recipe, View
from maskgen.loaders.recipes.lookup import as_recipe


def test_a_name_a_recipe_a_view_and_views() -> None:
    view = View(size=32)
    assert as_recipe("relicv2") is RECIPES["relicv2"]
    assert as_recipe(RECIPES["swav"]) is RECIPES["swav"]
    assert as_recipe(view) == Recipe(views=(view,))
    assert as_recipe([view, view]) == as_recipe((view, view)) == Recipe(views=(view, view))


@pytest.mark.parametrize(
    ("word", "meant"), [("mocov3", "mocov2"), ("MoCoV2", "mocov2"), ("sim-clr", "simclr")]
)
def test_a_mistyped_name_is_answered_with_the_nearest(word: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"no recipe '{word}' .*'{meant}'"):
        as_recipe(word)


@pytest.mark.parametrize("wrong", [None, 3, [View(), "simclr"], {"views": 2}, View, {View()}])
def test_anything_else_is_refused_in_a_sentence(wrong: Any) -> None:
    with pytest.raises(UsageError, match="a recipe is a name, a Recipe or a sequence of Views") as caught:
        as_recipe(wrong)
    assert caught.value.remedy == 'recipe="mocov2"'


def test_a_recipe_needs_a_view() -> None:
    with pytest.raises(UsageError, match="views"):
        as_recipe([])
