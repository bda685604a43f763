"""Whole batches: which rows may change, and what a sample's draws depend on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from draws_kit import EPOCH, SEED, SWAPS, drawn, same, world
from numpy.typing import NDArray

from maskgen.loaders.recipes.parts import Background, Crop, Photometric
from maskgen.loaders.recipes.spec import Negative, Recipe, View
from maskgen.loaders.sampling.draws import draw
from maskgen.loaders.sampling.view_draws import GRAY, KEEP, ViewDraws


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
