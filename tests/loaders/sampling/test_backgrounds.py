"""What becomes of backgrounds, by the papers' rules row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from draws_kit import DONATED, drawn, many, near, world
from scipy import stats

from maskgen.loaders.recipes.parts import Background, Crop, Photometric
from maskgen.loaders.recipes.spec import Negative, Recipe, View
from maskgen.loaders.sampling.draws import draw
from maskgen.loaders.sampling.view_draws import DONOR, GRAY, KEEP


def test_gray_backgrounds() -> None:
    view = many(View(crop=Crop(scale=(1, 1)), background=Background(replace="grey", p=0.2)))
    assert near(view.kind == GRAY, 0.2)
    assert set(np.unique(view.kind)) == {KEEP, GRAY}
    assert (view.donor == -1).all()
    assert stats.chisquare(np.bincount(view.gray[view.kind == GRAY] // 16, minlength=16)).pvalue > 1e-3
    for level, expected in ((0.0, 0), (0.5, 128), (1.0, 255)):
        fixed = many(View(background=Background(replace="grey", p=1.0, gray=level)), 50)
        assert set(fixed.gray[fixed.kind == GRAY]) == {expected}


@pytest.mark.slow
def test_donors_are_other_rows_evenly() -> None:
    counts = np.zeros((8, 8))
    for start in range(0, 16_000, 8):
        view = drawn(Recipe(views=(DONATED,)), 8, start=start).views[0]
        rows = np.flatnonzero(view.kind == DONOR)
        np.add.at(counts, (rows, view.donor[rows]), 1)
        assert (view.donor[view.kind != DONOR] == -1).all()
    assert not np.diag(counts).any(), "never itself"
    assert stats.chisquare(counts[~np.eye(8, dtype=bool)]).pvalue > 1e-3


@pytest.mark.slow
def test_donors_are_never_photos_without_foreground() -> None:
    """Their stored background is the photo itself, with all that the mask missed in it."""
    empty, counts = (1, 2, 6, 7), np.zeros((8, 8))
    certain = Background(replace="donor", p=1.0, min_visible=0.0)
    recipe = Recipe(views=(View(background=certain),), negative=Negative(p=1.0, view=View()))
    for start in range(0, 6000, 8):
        batch = drawn(recipe, 8, start=start, empty=empty)
        rows = np.flatnonzero(batch.views[0].kind == DONOR)
        np.add.at(counts, (rows, batch.views[0].donor[rows]), 1)
        assert not set(batch.negatives[0].view.donor[batch.negatives[0].matched]) & set(empty)
    full = [0, 3, 4, 5]
    assert not counts[:, empty].any()
    assert not counts[list(empty)].any(), "a photo without foreground keeps its background"
    among = counts[np.ix_(full, full)]
    assert not np.diag(among).any()
    assert stats.chisquare(among[~np.eye(4, dtype=bool)]).pvalue > 1e-3, "evenly of all others"


def test_where_no_other_photo_has_a_foreground_the_background_stays() -> None:
    certain = Recipe(views=(View(background=Background(replace="donor", p=1.0, min_visible=0.0)),))
    for empty in ((0, 1, 3), (0, 1, 2, 3)):
        view = drawn(certain, 4, empty=empty).views[0]
        assert (view.kind == KEEP).all()
        assert view.skipped.all()


def test_donors_are_those_of_the_stored_masks() -> None:
    """A mask that was corrupted to nothing belongs to a stored background without the object all the same."""
    certain = Recipe(views=(View(background=Background(replace="donor", p=1.0, min_visible=0.0)),))
    sat, meta = world(12)
    lends = np.arange(12) < 2
    view = draw(certain, sat, meta, np.arange(12), seed=0, epoch=0, lends=lends).views[0]
    assert set(view.donor.tolist()) == {0, 1}


@pytest.mark.parametrize("place", ["after", "before"])
def test_a_donor_lends_its_own_view(place: Any) -> None:
    background = Background(replace="donor", p=0.7, place=place)
    chain = Photometric(solarize_p=0.5, gray_p=0.5, jitter_mode="torchvision")
    view = View(photometric=chain, background=background)
    made = drawn(Recipe(views=(view, view))).views[1]
    rows = np.flatnonzero(made.kind == DONOR)
    assert len(rows) > 20
    lent = made.donor[rows]
    np.testing.assert_array_equal(made.bg_box[rows], made.box[lent])
    np.testing.assert_array_equal(made.bg_flip[rows], made.flip[lent])
    if place == "after":
        for name in ("color", "order", "grayscale"):
            np.testing.assert_array_equal(getattr(made, f"bg_{name}")[rows], getattr(made, name)[lent])
        np.testing.assert_array_equal(made.bg_sigma[rows], made.sigma[lent])
        np.testing.assert_array_equal(made.bg_solarize[rows], made.solarize[lent])
    else:
        assert (made.bg_color[rows] == (1, 1, 1, 0)).all()
        assert not made.bg_grayscale[rows].any()
        assert not made.bg_sigma[rows].any()
        assert not made.bg_solarize[rows].any()


def test_a_lone_row_and_a_batch_of_one_sample_have_no_donor() -> None:
    certain = Recipe(views=(replace(DONATED, background=Background(replace="donor", p=1.0)),))
    sat, meta = world(1)
    assert (draw(certain, sat, meta, np.array([4]), seed=0, epoch=0).views[0].kind == KEEP).all()
    twice = [np.repeat(part, 3, axis=0) for part in (sat, meta)]
    assert (draw(certain, *twice, np.array([4, 4, 4]), seed=0, epoch=0).views[0].kind == KEEP).all()


def test_a_sample_that_comes_twice_is_not_its_own_donor() -> None:
    """A padded batch of a small data set, or one with substitutes for damaged samples."""
    certain = Recipe(
        views=(View(crop=Crop(scale=(1, 1)), background=Background(replace="donor", p=1.0)),),
        negative=Negative(p=1.0, view=View(crop=Crop(scale=(1, 1)))),
    )
    sat, meta = world(3)
    samples = np.array([0, 1, 2, 0, 1, 2, 0])
    for epoch in range(20):
        batch = draw(certain, sat[samples], meta[samples], samples, seed=0, epoch=epoch)
        view = batch.views[0]
        assert (view.kind == DONOR).all()
        assert (samples[view.donor] != samples).all()
        twins = samples[batch.negatives[0].source] == samples
        assert not batch.negatives[0].matched[twins].any()


def test_photos_without_foreground_keep_their_background() -> None:
    empty = (0, 5, 6, 63)
    for replacement in ("grey", "donor"):
        background = Background(replace=replacement, p=1.0, min_visible=0.0)  # type: ignore[arg-type]
        view = drawn(Recipe(views=(View(background=background),)), empty=empty).views[0]
        assert set(np.flatnonzero(view.kind == KEEP)) == set(empty)
        assert set(np.flatnonzero(view.skipped)) == set(empty)


def test_what_was_not_to_be_replaced_is_not_skipped() -> None:
    background = Background(replace="grey", p=0.5, min_visible=0.0)
    empty = tuple(range(0, 400, 2))
    view = drawn(Recipe(views=(View(background=background), View())), 400, empty=empty).views[0]
    assert not (view.skipped & (view.kind != KEEP)).any()
    assert not view.skipped[1::2].any()
    assert 70 < view.skipped[::2].sum() < 130
    assert not drawn(Recipe(views=(View(),)), 400, empty=empty).views[0].skipped.any()
