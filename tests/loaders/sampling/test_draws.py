"""The draws of a batch against torchvision's laws, DALI's color operator, and the papers' rules row by
row.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torchvision.transforms import ColorJitter

from maskgen.loaders.recipes.parts import NO_PHOTOMETRIC, Background, Crop, Photometric
from maskgen.loaders.recipes.spec import Negative, Recipe, View
from maskgen.loaders.sampling.draws import (
    DONOR,
    GRAY,
    KEEP,
    PASTE,
    BatchDraws,
    ViewDraws,
    color_matrix,
    draw,
)
from maskgen.shards.coverage import foreground_box, summed_area_table
from maskgen.shards.meta import META

SEED, EPOCH = 3, 5


@lru_cache
def world(count: int, *, empty: tuple[int, ...] = (), seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Tables and metas of `count` photos with one ellipse each, but for the empty ones."""
    rng = np.random.default_rng(seed)
    sat, meta = [], []
    for number in range(count):
        height, width = (int(v) for v in rng.integers(60, 160, 2))
        y, x = np.mgrid[0:height, 0:width] + 0.5
        center, radius = rng.uniform(0.3, 0.7, 2), rng.uniform(0.1, 0.4, 2)
        mask = np.hypot((y / height - center[0]) / radius[0], (x / width - center[1]) / radius[1]) <= 1
        mask &= number not in empty
        sat.append(summed_area_table(mask))
        area = round(mask.mean() * 1e6)
        meta.append((2, (height, width), foreground_box(mask), (0, 0, 1, 1), -1, area, (0, 0, 0, 0), -1))
    return np.stack(sat), np.array(meta, META)


def drawn(recipe: Recipe, count: int = 64, *, start: int = 0, seed: int = SEED, **others: Any) -> BatchDraws:
    sat, meta = world(count, **others)
    return draw(recipe, sat, meta, np.arange(start, start + count), seed=seed, epoch=EPOCH)


def many(view: View, count: int = 20_000) -> ViewDraws:
    """Draws of one view of many samples, all of the same photo."""
    sat, meta = (np.repeat(part, count, axis=0) for part in world(1))
    return draw(Recipe(views=(view,)), sat, meta, np.arange(count), seed=SEED, epoch=EPOCH).views[0]


def same(a: ViewDraws, b: ViewDraws) -> None:
    for part in fields(ViewDraws):
        np.testing.assert_array_equal(getattr(a, part.name), getattr(b, part.name), err_msg=part.name)


@pytest.mark.slow
def test_colors_have_the_law_of_torchvisions_color_jitter() -> None:
    torch.manual_seed(0)
    jitter = (0.4, 0.3, 0.2, 0.1)
    chain = Photometric(jitter=jitter, jitter_p=1.0, gray_p=0.0)
    ours = many(View(photometric=chain)).color.astype(np.float64)
    module = ColorJitter(*jitter)
    ranges = (module.brightness, module.contrast, module.saturation, module.hue)
    theirs = np.array(
        [[float(v) for v in ColorJitter.get_params(*ranges)[1:]] for _ in range(5000)]  # type: ignore[arg-type]
    )
    theirs[:, 3] *= 360
    for column in range(4):
        assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > 1e-3


def test_a_factor_never_falls_below_zero() -> None:
    color = many(View(photometric=Photometric(jitter=(1.5, 0, 0, 0), jitter_p=1.0, gray_p=0.0))).color
    assert color[:, 0].min() >= 0
    assert color[:, 0].max() == pytest.approx(2.5, abs=0.01)
    assert (color[:, 1:] == (1, 1, 0)).all()


def near(share: Any, p: float, count: int = 20_000) -> bool:
    """Within four deviations of a binomial law."""
    return bool(abs(np.mean(share) - p) <= 4 * np.sqrt(p * (1 - p) / count))


def test_the_chain_happens_as_often_as_it_should() -> None:
    chain = Photometric(jitter_p=0.8, gray_p=0.2, blur_p=0.5, blur_sigma=(0.1, 2.0), solarize_p=0.2)
    view = many(View(photometric=chain, flip_p=0.3))
    assert near(view.flip, 0.3)
    assert near(view.color[:, 0] != 1, 0.8)
    assert near(view.color[:, 2] == 0, 0.2)
    assert near(view.sigma > 0, 0.5)
    assert near(view.solarize, 0.2)
    assert stats.kstest(view.sigma[view.sigma > 0], stats.uniform(0.1, 1.9).cdf).pvalue > 1e-3
    coins = np.stack([view.flip, view.color[:, 0] != 1, view.color[:, 2] == 0, view.sigma > 0, view.solarize])
    assert np.abs(np.corrcoef(coins) - np.eye(5)).max() < 0.04


def test_no_photometric_changes_nothing() -> None:
    view = many(View(photometric=NO_PHOTOMETRIC, flip_p=0.0), 500)
    assert (view.color == (1, 1, 1, 0)).all()
    assert not view.sigma.any()
    assert not view.solarize.any()
    assert not view.flip.any()
    assert (view.policy == -1).all()


def test_auto_augment_takes_the_place_of_the_chain() -> None:
    chain = Photometric(jitter_p=1.0, blur_p=1.0, solarize_p=1.0, auto_augment_p=0.5)
    view = many(View(photometric=chain))
    replaced = view.policy >= 0
    assert near(replaced, 0.5)
    assert stats.chisquare(np.bincount(view.policy[replaced], minlength=25)).pvalue > 1e-3
    assert (view.color[replaced] == (1, 1, 1, 0)).all()
    assert not view.sigma[replaced].any()
    assert not view.solarize[replaced].any()
    assert view.sigma[~replaced].all()
    assert near(view.flip, 0.5)
    for column in range(4):
        assert stats.kstest(view.policy_u[:, column], "uniform").pvalue > 1e-3


def test_in_torchvisions_mode_the_order_is_random_and_grayscale_a_step_of_its_own() -> None:
    quick = Photometric(jitter_p=0.8, gray_p=0.2)
    exact = replace(quick, jitter_mode="torchvision")
    one, other = many(View(photometric=quick)), many(View(photometric=exact))
    numbers = other.order @ np.array([64, 16, 4, 1])
    values, counts = np.unique(numbers, return_counts=True)
    assert len(values) == 24
    assert stats.chisquare(counts).pvalue > 1e-3
    assert (np.sort(other.order, axis=1) == np.arange(4)).all()
    assert near(other.grayscale, 0.2)
    assert not one.grayscale.any()
    np.testing.assert_array_equal(other.grayscale, one.color[:, 2] == 0)
    np.testing.assert_array_equal(other.color[~other.grayscale], one.color[~other.grayscale])
    replaced = many(View(photometric=replace(exact, auto_augment_p=1.0, gray_p=1.0)), 100)
    assert not replaced.grayscale.any()


def test_gray_backgrounds() -> None:
    view = many(View(crop=Crop(scale=(1, 1)), background=Background(replace="grey", p=0.2)))
    assert near(view.kind == GRAY, 0.2)
    assert set(np.unique(view.kind)) == {KEEP, GRAY}
    assert (view.donor == -1).all()
    assert stats.chisquare(np.bincount(view.gray[view.kind == GRAY] // 16, minlength=16)).pvalue > 1e-3
    for level, expected in ((0.0, 0), (0.5, 128), (1.0, 255)):
        fixed = many(View(background=Background(replace="grey", p=1.0, gray=level)), 50)
        assert set(fixed.gray[fixed.kind == GRAY]) == {expected}


DONATED = View(background=Background(replace="donor", p=0.5))


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


def test_a_photo_whose_mask_is_not_trusted_keeps_its_background() -> None:
    sat, meta = world(64)[0], world(64)[1].copy()
    meta["confidence_ppm"] = np.arange(64) * 10_000  # up to 0.63
    for least in (0.0, 0.3, 0.57, 1.0):
        background = Background(replace="grey", p=1.0, min_visible=0.0, min_confidence=least)
        recipe = Recipe(views=(View(background=background),))
        kind = draw(recipe, sat, meta, np.arange(64), seed=0, epoch=0).views[0].kind
        trusted = np.array([number >= 100 * least for number in range(64)])
        assert (kind == np.where(trusted, GRAY, KEEP)).all()
    meta["confidence_ppm"] = -1  # of an older format
    asks_nothing = Recipe(views=(View(background=Background(replace="grey", p=1.0, min_visible=0.0)),))
    assert (draw(asks_nothing, sat, meta, np.arange(64), seed=0, epoch=0).views[0].kind == GRAY).all()


def test_a_negative_shows_trusted_foregrounds_only() -> None:
    sat, meta = world(64)[0], world(64)[1].copy()
    meta["confidence_ppm"] = np.where(np.arange(64) % 2, 900_000, 100_000)
    other = View(background=Background(min_visible=0.0, min_confidence=0.5))
    recipe = Recipe(views=(View(),), negative=Negative(p=1.0, view=other))
    found = draw(recipe, sat, meta, np.arange(64), seed=0, epoch=0)
    assert (found.negatives[0].matched == (found.negatives[0].source % 2 == 1)).all()
    assert recipe.min_confidence == 0.5


@pytest.mark.slow
def test_the_foreground_must_cover_enough_of_photo_and_crop() -> None:
    sat, meta = world(400)
    area = meta["fg_area_ppm"] / 1e6
    for least_area, least_visible in ((0.05, 0.0), (0.0, 0.1), (0.1, 0.2), (0.0, 0.0)):
        background = Background(replace="grey", p=1.0, min_area=least_area, min_visible=least_visible)
        recipe = Recipe(views=(View(crop=Crop(scale=(0.05, 0.6)), background=background),))
        view = draw(recipe, sat, meta, np.arange(400), seed=0, epoch=0).views[0]
        visible = shown(view, sat, area)
        expected = (area >= least_area) & (visible >= least_visible)
        unsure = np.abs(visible - least_visible) < 1e-4
        assert ((view.kind == GRAY) == expected)[~unsure].all()
    assert (visible < 0.01).mean() > 0.02


def shown(view: ViewDraws, sat: NDArray[Any], area: NDArray[Any]) -> NDArray[Any]:
    """Foreground's share of each crop, by interpolation of the table with scipy."""
    from scipy.interpolate import RegularGridInterpolator

    result = []
    for table, (y, x, h, w), whole in zip(sat, view.box.astype(float).tolist(), area, strict=True):
        at = RegularGridInterpolator(
            (np.linspace(0, 1, 33),) * 2, table / 65535, bounds_error=False, fill_value=None
        )
        corners = at([(y + h, x + w), (y, x + w), (y + h, x), (y, x)])
        result.append((corners * (1, -1, -1, 1)).sum() * whole / (h * w))
    return np.array(result)


SWAPS = Recipe(
    views=(View(background=Background(replace="donor", p=0.4)),) * 2, negative=Negative(p=0.5, view=View())
)


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


def test_each_view_is_drawn_by_a_mask_of_its_own() -> None:
    """As if its own mask were that of all views: crops, whether backgrounds are shown, and the negative's."""
    gray = Background(replace="grey", p=1.0, min_visible=0.05)
    first = View(crop=Crop(fg_min=0.5), background=gray)
    second = replace(first, crop=Crop(fg_min=0.4, rule="phi", center="foreground"))
    recipe = Recipe(views=(first, second), negative=Negative(p=0.5, view=View(crop=Crop(fg_min=0.3))))
    worlds = [world(40, seed=seed) for seed in (0, 1, 2)]
    lends, samples = np.ones(40, bool), np.arange(40)
    sat, meta = (np.stack(parts, axis=1) for parts in zip(*worlds, strict=True))
    meta["size"] = meta["size"][:, :1]
    both = draw(recipe, sat, meta, samples, seed=0, epoch=0, lends=lends)
    for use in range(3):
        alone = draw(recipe, sat[:, use], meta[:, use], samples, seed=0, epoch=0, lends=lends)
        if use < 2:
            same(both.views[use], alone.views[use])
        else:
            np.testing.assert_array_equal(both.negatives[0].view.box, alone.negatives[0].view.box)
            np.testing.assert_array_equal(both.negatives[0].matched, alone.negatives[0].matched)


def test_without_a_negative_there_is_none() -> None:
    batch = drawn(Recipe(views=(View(),)), 5)
    assert batch.negatives == ()


def test_draws_do_not_depend_on_the_batch() -> None:
    """All that does not name another row is the same in any batch, in any order."""
    view = View(crop=Crop(fg_min=0.3), background=Background(replace="grey", p=0.5))
    recipe = Recipe(
        views=(view, replace(view, photometric=Photometric(auto_augment_p=0.5), background=Background()))
    )
    sat, meta = world(50)
    samples = np.arange(1000, 1050)
    whole = draw(recipe, sat, meta, samples, seed=SEED, epoch=EPOCH)
    some = np.random.default_rng(0).permutation(50)[:17]
    part = draw(recipe, sat[some], meta[some], samples[some], seed=SEED, epoch=EPOCH)
    for a, b in zip(whole.views, part.views, strict=True):
        same(a.rows(some), b)


def test_a_further_view_leaves_the_others_as_they_are() -> None:
    view = View(background=Background(replace="donor", p=0.5))
    two, three = drawn(Recipe(views=(view, view))), drawn(Recipe(views=(view, view, View(size=96))))
    same(two.views[0], three.views[0])
    same(two.views[1], three.views[1])
    swapped = drawn(Recipe(views=(view, view), negative=Negative()))
    same(two.views[0], swapped.views[0])


def test_views_epochs_and_seeds_differ() -> None:
    batch = drawn(Recipe(views=(View(), View())))
    assert (batch.views[0].box != batch.views[1].box).any(axis=1).mean() > 0.95
    other = drawn(Recipe(views=(View(),)), seed=SEED + 1)
    assert (batch.views[0].box != other.views[0].box).any(axis=1).mean() > 0.95


def test_types_and_shapes() -> None:
    batch = drawn(SWAPS, 6)
    expected = {
        "box": (4, "float32"),
        "flip": (0, "bool"),
        "color": (4, "float32"),
        "order": (4, "uint8"),
        "grayscale": (0, "bool"),
        "sigma": (0, "float32"),
        "solarize": (0, "bool"),
        "policy": (0, "int16"),
        "policy_u": (4, "float32"),
        "kind": (0, "uint8"),
        "skipped": (0, "bool"),
        "gray": (0, "uint8"),
        "donor": (0, "int32"),
        "bg_box": (4, "float32"),
        "bg_flip": (0, "bool"),
        "bg_color": (4, "float32"),
        "bg_order": (4, "uint8"),
        "bg_grayscale": (0, "bool"),
        "bg_sigma": (0, "float32"),
        "bg_solarize": (0, "bool"),
    }
    for view in (*batch.views, batch.negatives[0].view):
        for name, (width, kind) in expected.items():
            value = getattr(view, name)
            assert value.dtype == kind, name
            assert value.shape == ((6, width) if width else (6,)), name
    assert batch.negatives[0].source.dtype == np.int32
    assert batch.negatives[0].matched.dtype == bool


def test_color_matrix_by_hand() -> None:
    colors = np.array([(1, 1, 1, 0), (2, 1, 1, 0), (1, 0.5, 1, 0), (2, 0.5, 1, 0), (1, 1, 0, 77)], np.float32)
    same_, bright, flat, both, gray = color_matrix(colors)
    eye = np.eye(3)
    np.testing.assert_allclose(same_, np.c_[eye, [0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(bright, np.c_[2 * eye, [0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(flat, np.c_[0.5 * eye, [64, 64, 64]], atol=1e-5)
    np.testing.assert_allclose(both, np.c_[eye, [128, 128, 128]], atol=1e-5)
    np.testing.assert_allclose(gray[:, :3], np.tile([0.299, 0.587, 0.114], (3, 1)), atol=0.002)


def test_color_matrix_is_dalis_color_twist() -> None:
    from nvidia.dali import fn, pipeline_def

    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (16, 64, 3), dtype=np.uint8)
    low, high = (0.2, 0.2, 0.0, -180), (1.8, 1.8, 2.0, 180)
    colors = rng.uniform(low, high, (40, 4)).astype(np.float32)
    colors[::8, 2] = 0

    @pipeline_def(batch_size=len(colors), num_threads=1, device_id=None)
    def graph() -> Any:
        pictures = fn.external_source(lambda: [image] * len(colors), layout="HWC")
        rows = fn.external_source(lambda: list(colors))
        columns = [rows[c] for c in range(4)]
        names = ("brightness", "contrast", "saturation", "hue")
        return fn.color_twist(pictures, **dict(zip(names, columns, strict=True)))

    pipeline = graph()
    pipeline.build()
    theirs = np.array(pipeline.run()[0].as_array(), np.int64)
    matrices = color_matrix(colors).astype(np.float64)
    mapped = np.einsum("bij,hwj->bhwi", matrices[..., :3], image) + matrices[:, None, None, :, 3]
    difference = np.abs(np.clip(np.rint(mapped), 0, 255) - theirs)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01
