"""The table of draws: every field against the draws it was made of, and the same memory as plain floats."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from maskgen.loaders import RECIPES, Background, Crop, Negative, Recipe, SampleReader, View, open_dataset
from maskgen.loaders.pixels import draw_table
from maskgen.loaders.pixels.draw_table import DRAWS, Output
from maskgen.loaders.pixels.tiles import Tiling
from maskgen.loaders.sampling.draws import BatchDraws, draw
from maskgen.loaders.sampling.view_draws import DONOR, GRAY
from maskgen.types import Box

DONORS = View(size=32, crop=Crop(fg_min=0.3), background=Background(replace="donor", p=0.6))
RECIPE = Recipe(views=(DONORS, View(size=24)), negative=Negative(p=0.5, view=View(size=32)))


@pytest.fixture(scope="module")
def made(drawn: Any) -> tuple[BatchDraws, Any]:
    samples = np.arange(16)
    small = SampleReader(open_dataset(drawn.path)).small(samples)
    return draw(RECIPE, small.sat, small.meta, samples, seed=0, epoch=0), small.meta


def test_every_field_is_what_was_drawn(made: tuple[BatchDraws, Any]) -> None:
    draws, meta = made
    table = draw_table.pack(draws, meta)
    assert table.shape == (16, 3)
    for index, view in enumerate((*draws.views, draws.negatives[0].view)):
        column = table[:, index]
        for name in ("color", "sigma", "solarize", "kind", "gray", "donor", "policy", "policy_u", "bg_sigma"):
            assert (column[name] == getattr(view, name)).all(), name
        top, left, height, width = view.box.T
        low, high = column["roi"][:, 1], column["roi"][:, 3]
        assert ((low > high) == view.flip).all()
        np.testing.assert_allclose(np.minimum(low, high), left, atol=1e-6)
        np.testing.assert_allclose(np.maximum(low, high), left + width, atol=1e-6)
        np.testing.assert_allclose(column["roi"][:, 0], top, atol=1e-6)
        np.testing.assert_allclose(column["roi"][:, 2], top + height, atol=1e-6)
    assert (table["source"][:, :2] == np.arange(16)[:, None]).all()
    assert (table["source"][:, 2] == draws.negatives[0].source).all()


def test_a_donors_background_covers_its_photo_or_a_box_of_it(made: tuple[BatchDraws, Any]) -> None:
    """The drawn backgrounds are whole pictures; a quarter of one lies where its meta says."""
    draws, meta = made
    shown = draw_table.pack(draws, meta)["kind"] == DONOR
    assert shown.any()
    assert (draw_table.pack(draws, meta)["bg_place"][shown] == (0, 0, 1, 1)).all()
    patched = meta.copy()
    height, width = patched["size"].T
    patched["bg_box"] = np.stack([height // 2, width // 2, height, width], axis=1)
    place = draw_table.pack(draws, patched)["bg_place"][shown]
    np.testing.assert_allclose(place, np.tile([0.5, 0.5, 1, 1], (len(place), 1)), atol=0.01)


def test_floats_are_the_same_memory_and_turn_back(made: tuple[BatchDraws, Any]) -> None:
    table = draw_table.pack(*made)
    floats = draw_table.as_floats(table)
    assert floats.shape == (16, 3, 52)
    assert np.shares_memory(floats, table)
    assert floats.tobytes() == table.tobytes()
    assert (draw_table.from_floats(floats) == table).all()


@pytest.mark.parametrize("field", DRAWS.names or ())
def test_columns_are_where_the_floats_of_a_field_stand(made: tuple[BatchDraws, Any], field: str) -> None:
    table = draw_table.pack(*made)
    floats = draw_table.as_floats(table)[..., draw_table.columns(field)]
    assert (floats == table[field].reshape(floats.shape)).all()


def test_by_photo_puts_each_view_at_the_row_of_its_photo(made: tuple[BatchDraws, Any]) -> None:
    table = draw_table.pack(*made)
    turned = draw_table.by_photo(table)
    assert (turned["source"] == np.arange(16)[:, None]).all()
    source = made[0].negatives[0].source
    assert (turned[:, :2] == table[:, :2]).all()
    assert (turned[source, 2] == table[:, 2]).all()


def test_tiling_is_set_in_the_photos_own_proportions(made: tuple[BatchDraws, Any]) -> None:
    table, meta = draw_table.pack(*made), made[1]
    places = np.zeros(table.shape, bool)
    places[4, 1] = True
    height, width = meta["size"][4].tolist()
    draw_table.set_tiling(
        table, places, Tiling(Box(0, 0, height, width // 2), Box(0, width // 2, height, width)), meta[4]
    )
    assert table["bg_place"][4, 1].tolist() == pytest.approx([0, 0, 1, width // 2 / width])
    assert table["bg_strip"][4, 1].tolist() == pytest.approx([0, width // 2 / width, 1, 1])
    assert not table["bg_strip"][~places].any()


def test_a_blank_table_changes_nothing() -> None:
    table = draw_table.blank(3, 2)
    assert (table["roi"] == (0, 0, 1, 1)).all()
    assert (table["color"] == (1, 1, 1, 0)).all()
    assert (table["source"] == [[0, 0], [1, 1], [2, 2]]).all()
    for name in ("sigma", "solarize", "kind", "gray"):
        assert not table[name].any()


def test_outputs_stand_in_the_order_of_the_views() -> None:
    views = (replace(DONORS, masks=True, weak=True), View(size=24, cam_masks=7, masked=True))
    recipe = Recipe(views=views, negative=Negative(view=View(size=32)))
    wanted = ["views 0", "masks 0", "weak 0", "views 1", "masks 1", "masked 1", "negative 2"]
    assert draw_table.outputs(recipe) == tuple(Output(n, int(v)) for n, v in map(str.split, wanted))
    assert recipe.all_views == (*views, View(size=32))


def test_kinds_are_those_that_a_view_may_draw() -> None:
    assert draw_table.kinds(RECIPE, 0) == {DONOR}
    assert draw_table.kinds(RECIPE, 1) == frozenset()
    assert draw_table.kinds(RECIPE, 2) == {DONOR}
    removed = Recipe(
        views=(View(background=Background(replace="grey", p=0.2)),), negative=Negative(p=0.5, view=View())
    )
    assert draw_table.kinds(removed, 0) == {GRAY}
    assert draw_table.kinds(removed, 1) == {GRAY, DONOR}
    assert not any(draw_table.kinds(RECIPES["mocov2"], view) for view in range(2))
