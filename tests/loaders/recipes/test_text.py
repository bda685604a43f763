"""Recipes as files: what is written is read again, what is wrong is named with its place."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from maskgen.errors import UsageError
from maskgen.loaders import RECIPES, Background, Corruption, Crop, Recipe, View
from maskgen.loaders.recipes.lookup import as_recipe
from maskgen.loaders.recipes.text import read_recipe, render_recipe, with_changes

SWAPS = RECIPES["mocov2-bg-swaps"]


@pytest.mark.parametrize("name", RECIPES)
def test_every_published_recipe_survives_being_written(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(render_recipe(RECIPES[name]))
    assert read_recipe(file) == as_recipe(str(file)) == RECIPES[name]


def test_a_file_says_every_field_and_may_leave_out_what_stays(tmp_path: Path) -> None:
    """The whole form, by another reader of TOML; and the shortest that there is."""
    odd = Recipe(
        views=(View(crop=Crop(iou=None)), View(crop=Crop(iou=(0, 0.1, 0.5)), background=Background())),
        corruption=Corruption(change="rotate", amount=30.0),
    )
    values = tomllib.loads(render_recipe(odd))
    assert values["views"][1]["crop"]["iou"] == [0, 0.1, 0.5]
    assert values["corruption"] == {"change": "rotate", "amount": 30.0}
    assert set(values["views"][0]["background"]) == {
        field.name for field in dataclasses.fields(Background)
    } - {"gray", "color"}, "TOML has no word for no value"
    (tmp_path / "short.toml").write_text("[[views]]\n[[views]]\nsize = 96\nflip_p = 0\n")
    assert read_recipe(tmp_path / "short.toml") == Recipe(views=(View(), View(size=96, flip_p=0.0)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[views]]\nsise = 3", r"no field 'sise' in views\.0.*did you mean 'size'"),
        ("[[views]]\n[views.crop]\nscale = 0.2", r"views\.0\.crop\.scale takes a list, got 0\.2"),
        ("[[views]]\n[views.crop]\nscale = [0.2]", r"views\.0\.crop\.scale takes 2 values, got 1"),
        ("[[views]]\nsize = 1.5", r"views\.0\.size takes a whole number, got 1\.5"),
        ("[[views]]\nmasks = 1", r"views\.0\.masks takes true or false"),
        ("[[views]]\nflip_p = 2", r"View\(flip_p=2\.0\) is out of range.*views\.0"),
        ("[[views]]\n[views.background]\nreplace = 'gray'", r"did you mean 'grey'"),
        ("views = 3", "views takes a list"),
        ("views = []", r"Recipe\(views=\(\)\) is out of range"),
        ("", "a recipe lacks views"),
        ("[corruption]\n[[views]]", "corruption lacks change"),
        ("views = [", "cannot read a recipe"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UsageError, match=f"(?s){message}") as told:
        read_recipe(tmp_path / "mine.toml")
    assert "mine.toml" in str(told.value)
    with pytest.raises(UsageError, match="cannot read a recipe"):
        read_recipe(tmp_path / "none.toml")


def test_single_fields_are_changed_by_their_paths() -> None:
    query, key = SWAPS.views
    changed = with_changes(SWAPS, {"views.1.background.p": "0", "negative.p": "0.5"})
    assert changed.views == (query, replace(key, background=replace(key.background, p=0.0)))
    assert changed.negative is not None
    assert SWAPS.negative is not None
    assert changed.negative == replace(SWAPS.negative, p=0.5)
    both = with_changes(SWAPS, {"views.*.crop.scale": "0.08, 1", "views.*.background.gray": "none"})
    assert [view.crop.scale for view in both.views] == [(0.08, 1.0)] * 2
    spoiled = with_changes(SWAPS, {"corruption.change": "box"})
    assert spoiled == replace(SWAPS, corruption=Corruption(change="box"))
    assert with_changes(SWAPS, {}) == SWAPS


def test_what_is_set_last_counts_and_a_crops_rule_follows_its_fields() -> None:
    plain = with_changes(SWAPS, {"views.0.crop.fg_min": "0"})
    assert (plain.views[0].crop.rule, SWAPS.views[0].crop.rule) == ("plain", "fg_min")
    phi = with_changes(RECIPES["cast"], {"views.0.crop.fg_min": "0.5"})
    assert phi.views[0].crop.rule == "phi", "a rule of its own stays"
    overlapping = with_changes(RECIPES["mocov2"], {"views.1.crop.overlap_of": "0"})
    assert overlapping.views[1].crop.rule == "overlap"


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("views.0.crop", "1", r"views\.0\.crop is a part, not a field.*scale, ratio"),
        ("views.7.size", "2", r"no view '7' in views\.7\.size.*views\.0 to views\.1"),
        ("views.0.sise", "2", "no field 'sise'.*did you mean 'size'"),
        ("views.0.size.x", "2", "goes too deep"),
        ("views.0.size", "large", "takes a whole number, got 'large'"),
        ("views", "1", "is a part, not a field"),
        ("views.0.crop.scale", "1,0.2", r"Crop\(scale=\(1\.0, 0\.2\)\) is out of range"),
        ("views.0.size", "96", "the negative has 224 px, view 0 96 px"),
    ],
)
def test_a_wrong_change_is_named(path: str, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"(?s){message}"):
        with_changes(SWAPS, {path: text})
    with pytest.raises(UsageError, match="the recipe has no negative"):
        with_changes(RECIPES["mocov2"], {"negative.p": "0.1"})
