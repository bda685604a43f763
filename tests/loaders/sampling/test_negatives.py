"""Negatives of BG_Swaps, by the paper's rules row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from draws_kit import SWAPS, drawn, same, world

from maskgen.loaders.recipes.parts import Background, Crop
from maskgen.loaders.recipes.spec import Negative, Recipe, View
from maskgen.loaders.sampling.draws import BatchDraws, draw
from maskgen.loaders.sampling.view_draws import DONOR, GRAY, KEEP, PASTE


def test_a_negative_shows_trusted_foregrounds_only() -> None:
    sat, meta = world(64)[0], world(64)[1].copy()
    meta["confidence_ppm"] = np.where(np.arange(64) % 2, 900_000, 100_000)
    other = View(background=Background(min_visible=0.0, min_confidence=0.5))
    recipe = Recipe(views=(View(),), negative=Negative(p=1.0, view=other))
    found = draw(recipe, sat, meta, np.arange(64), seed=0, epoch=0)
    assert (found.negatives[0].matched == (found.negatives[0].source % 2 == 1)).all()
    assert recipe.min_confidence == 0.5


@pytest.mark.slow
def test_negatives_come_from_each_other_row_once() -> None:
    shifts = set()
    for start in range(0, 4000, 10):
        batch = drawn(SWAPS, 10, start=start)
        source = batch.negatives[0].source
        assert sorted(source) == list(range(10))
        assert (source != np.arange(10)).all()
        shifts.add(int(source[0]))
    assert shifts == set(range(1, 10))


def test_a_negative_is_the_third_view_of_its_source() -> None:
    """The same view drawn as a third one of a recipe without a negative."""
    three = Recipe(views=(*SWAPS.views, View()))
    batch, plain = drawn(SWAPS), drawn(three)
    for name in ("box", "flip", "color", "order", "sigma", "solarize"):
        expected = getattr(plain.views[2], name)[batch.negatives[0].source]
        np.testing.assert_array_equal(getattr(batch.negatives[0].view, name), expected)


@pytest.mark.parametrize("replacement", ["donor", "grey", "none"])
def test_a_matched_negative_stands_on_its_querys_final_background(replacement: Any) -> None:
    background = Background(replace=replacement, p=0.0 if replacement == "none" else 0.4)
    batch = drawn(replace(SWAPS, views=(View(background=background),) * 2), 200)
    query, negative = batch.views[0], batch.negatives[0].view
    assert negative is not None
    assert 60 < batch.negatives[0].matched.sum() < 140
    seen = set()
    for row in range(200):
        if not batch.negatives[0].matched[row]:
            assert (negative.kind[row], negative.donor[row]) == (KEEP, -1)
            continue
        seen.add(int(query.kind[row]))
        if query.kind[row] == GRAY:
            assert (negative.kind[row], negative.gray[row]) == (GRAY, query.gray[row])
            continue
        assert negative.kind[row] == DONOR
        kept = query.kind[row] == KEEP
        assert negative.donor[row] == (row if kept else query.donor[row])
        for name in ("box", "flip", "color", "order", "grayscale", "sigma", "solarize"):
            expected = getattr(query, name if kept else f"bg_{name}")[row]
            np.testing.assert_array_equal(getattr(negative, f"bg_{name}")[row], expected)
    assert seen == {"donor": {KEEP, DONOR}, "grey": {KEEP, GRAY}, "none": {KEEP}}[replacement]


def swaps(rows: int = 200, *, p_key: float = 0.4, place: Any = "after", **law: Any) -> BatchDraws:
    """Draws of a pair of which the key alone is replaced, with negatives of this law."""
    key = View(background=Background(replace="donor", p=p_key, place=place))
    own = View(background=Background(place=place))
    return drawn(Recipe(views=(View(), key), negative=Negative(**{"p": 0.4, "view": own, **law})), rows)


def test_several_negatives_show_several_photos_each_on_the_querys_background() -> None:
    one, five = swaps(20), swaps(20, count=5)
    same(one.negatives[0].view, five.negatives[0].view)
    np.testing.assert_array_equal(one.negatives[0].matched, five.negatives[0].matched)
    sources = np.stack([negative.source for negative in five.negatives])
    for row in range(20):
        assert len({row, *sources[:, row].tolist()}) == 6
    assert all(sorted(negative.source) == list(range(20)) for negative in five.negatives)
    for negative in five.negatives:
        rows = np.flatnonzero(negative.matched)
        np.testing.assert_array_equal(negative.view.donor[rows], rows)  # the query keeps its background
        np.testing.assert_array_equal(negative.view.bg_box[rows], five.views[0].box[rows])
    patterns = {negative.matched.tobytes() for negative in five.negatives}
    assert len(patterns) == 5, "each is matched by a coin of its own"


def test_more_negatives_than_other_rows_show_a_photo_again() -> None:
    sources = [negative.source.tolist() for negative in swaps(3, count=3).negatives]
    assert sources[0] == sources[2] != sources[1]
    assert swaps(1).negatives[0].source.tolist() == [0]
    assert not swaps(1, p=0.0).negatives[0].matched.any()


def test_a_negative_of_the_key_stands_on_the_keys_final_background() -> None:
    batch = swaps(background_of=1)
    key, negative = batch.views[1], batch.negatives[0]
    matched = np.flatnonzero(negative.matched)
    assert 60 < len(matched) < 100
    kept = key.kind[matched] == KEEP
    assert 0 < kept.sum() < len(matched)
    np.testing.assert_array_equal(negative.view.donor[matched], np.where(kept, matched, key.donor[matched]))
    np.testing.assert_array_equal(negative.view.bg_box[matched], key.bg_box[matched])
    np.testing.assert_array_equal(negative.view.bg_color[matched], key.bg_color[matched])


@pytest.mark.parametrize(("p", "share"), [(0.4, 1.0), (0.1, 0.25)])
def test_coupled_negatives_are_matched_where_their_views_background_was_replaced(
    p: float, share: float
) -> None:
    batch = swaps(2000, p=p, background_of=1, coupled=True)
    replaced, matched = batch.views[1].kind == DONOR, batch.negatives[0].matched
    assert 700 < replaced.sum() < 850
    assert not (matched & ~replaced).any()
    assert matched.sum() / replaced.sum() == pytest.approx(share, abs=0.04)
    apart = swaps(2000, p=p, background_of=1)
    both = (apart.negatives[0].matched & (apart.views[1].kind == DONOR)).mean()
    assert both == pytest.approx(p * 0.4, abs=0.03), "independent of the key's"


def test_a_negative_before_the_colors_gets_its_own_colors_all_over() -> None:
    batch = swaps(place="before", background_of=1)
    key, negative = batch.views[1], batch.negatives[0]
    assert negative.matched.any()
    np.testing.assert_array_equal(negative.view.bg_box, key.bg_box)
    assert (negative.view.bg_color == (1, 1, 1, 0)).all()
    assert not negative.view.bg_sigma.any()
    assert not negative.view.bg_solarize.any()
    after = swaps(background_of=1).negatives[0]
    np.testing.assert_array_equal(negative.view.color, after.view.color)
    np.testing.assert_array_equal(negative.matched, after.matched)


@pytest.mark.parametrize("formula", ["printed", "hole"])
def test_formulas_of_finished_views_take_no_background(formula: Any) -> None:
    law: dict[str, Any] = {"formula": formula, "background_of": 1}
    batch, plain = swaps(**law), swaps(p=0.0)
    negative = batch.negatives[0]
    assert 60 < negative.matched.sum() < 100
    np.testing.assert_array_equal(negative.view.kind, np.where(negative.matched, PASTE, KEEP))
    assert (negative.view.donor == -1).all()
    for name in ("box", "flip", "color"):
        np.testing.assert_array_equal(getattr(negative.view, name), getattr(plain.negatives[0].view, name))


def test_negatives_are_not_matched_without_foreground_on_either_side() -> None:
    certain = replace(SWAPS, negative=Negative(p=1.0, view=View(crop=Crop(scale=(1, 1)))))
    empty = (2, 3, 10)
    batch = drawn(certain, 12, empty=empty)
    expected = [row not in empty and batch.negatives[0].source[row] not in empty for row in range(12)]
    assert batch.negatives[0].matched.tolist() == expected


def test_without_a_negative_there_is_none() -> None:
    batch = drawn(Recipe(views=(View(),)), 5)
    assert batch.negatives == ()
