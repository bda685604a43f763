"""The recipes against the numbers of the papers, written down a second time by hand, and their statistics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from maskgen.loaders.recipes.published import RECIPES
from maskgen.loaders.recipes.spec import Recipe, View
from maskgen.loaders.sampling.crops import intersection
from maskgen.loaders.sampling.draws import draw
from maskgen.loaders.sampling.view_draws import DONOR, GRAY
from maskgen.shards.coverage import foreground_box, summed_area_table
from maskgen.shards.meta import META


def sizes(recipe: Recipe) -> list[int]:
    return [view.size for view in recipe.views]


def test_the_names() -> None:
    assert set(RECIPES) == {
        "mocov2",
        "mocov2-bg-rm",
        "mocov2-bg-random",
        "mocov2-bg-swaps",
        "simclr",
        "simclr-bg-swaps",
        "simsiam",
        "byol",
        "byol-plain",
        "byol-bg-rm",
        "byol-bg-random",
        "byol-saliency",
        "swav",
        "swav-bg-rm",
        "swav-bg-random",
        "relicv2",
        "relicv2-2-0",
        "relicv2-2-2",
        "relicv2-2-6",
        "relicv2-4-0",
        "relicv2-6-2",
        "relicv2-8-2",
        "cast",
        "cast-bg-swaps",
        "cast-intersection",
        "cast-uniform",
        "cast-plain",
        "cast-crop",
        "msr",
        "msr-weak",
        "knn-moco",
        "knn-moco-bg-swaps",
        "multi-crop",
        "multi-crop-overlap",
        "supervised",
        "plain",
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mocov2", [224] * 2),
        ("simclr", [224] * 2),
        ("byol-bg-rm", [224] * 2),
        ("swav", [224] * 2 + [96] * 6),
        ("relicv2", [224] * 4 + [96] * 2),
        ("relicv2-2-0", [224] * 2),
        ("relicv2-2-6", [224] * 2 + [96] * 6),
        ("relicv2-8-2", [224] * 8 + [96] * 2),
        ("knn-moco", [160] * 2 + [96] * 4),
        ("supervised", [224]),
    ],
)
def test_the_sizes(name: str, expected: list[int]) -> None:
    assert sizes(RECIPES[name]) == expected


def chain(view: View) -> tuple[Any, ...]:
    c = view.photometric
    return c.jitter, c.jitter_p, c.gray_p, c.blur_p, c.solarize_p


MOCO = ((0.4, 0.4, 0.4, 0.1), 0.8, 0.2, 0.5, 0.0)
STRONG = ((0.8, 0.8, 0.8, 0.2), 0.8, 0.2, 0.5, 0.0)
EVEN = ((0.4, 0.4, 0.2, 0.1), 0.8, 0.2, 1.0, 0.0)
ODD = ((0.4, 0.4, 0.2, 0.1), 0.8, 0.2, 0.1, 0.2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mocov2", [MOCO] * 2),
        ("mocov2-bg-swaps", [MOCO] * 2),
        ("simsiam", [MOCO] * 2),
        ("msr", [MOCO] * 2),
        ("simclr", [STRONG] * 2),
        ("swav-bg-rm", [STRONG] * 8),
        ("byol", [EVEN, ODD]),
        ("byol-bg-random", [EVEN, ODD]),
        ("relicv2", [ODD, EVEN, ODD, EVEN, ODD, EVEN]),
        ("relicv2-6-2", [ODD, EVEN] * 4),
        ("relicv2-2-6", [ODD, EVEN] * 4),
        ("cast", [((0.4, 0.4, 0.4, 0.4), 0.5, 0.2, 0.0, 0.0)] * 2),
        ("knn-moco", [MOCO] * 6),
    ],
)
def test_the_chains(name: str, expected: list[Any]) -> None:
    assert [chain(view) for view in RECIPES[name].views] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mocov2", [(0.2, 1)] * 2),
        ("simclr", [(0.08, 1)] * 2),
        ("byol", [(0.08, 1)] * 2),
        ("byol-bg-rm", [(0.2, 1)] * 2),
        ("swav", [(0.14, 1)] * 2 + [(0.05, 0.14)] * 6),
        ("relicv2", [(0.14, 1), (0.08, 1)] * 2 + [(0.05, 0.14)] * 2),
        ("knn-moco", [(0.2, 1)] * 2 + [(0.05, 0.14)] * 4),
        ("cast", [(0.2, 1)] * 2),
    ],
)
def test_the_crop_areas(name: str, expected: list[Any]) -> None:
    assert [view.crop.scale for view in RECIPES[name].views] == expected


@pytest.mark.parametrize(
    ("name", "replace", "p", "fg_min", "views"),
    [
        ("mocov2-bg-rm", "grey", 0.2, 0.0, 2),
        ("mocov2-bg-random", "donor", 0.2, 0.0, 2),
        ("mocov2-bg-swaps", "donor", 0.2, 0.1, 2),
        ("byol-bg-rm", "grey", 0.15, 0.05, 2),
        ("byol-bg-random", "donor", 0.05, 0.05, 2),
        ("swav-bg-rm", "grey", 0.15, 0.05, 2),
        ("swav-bg-random", "donor", 0.05, 0.05, 2),
        ("relicv2", "grey", 0.1, 0.0, 4),
        ("byol-saliency", "grey", 0.1, 0.0, 2),
    ],
)
def test_the_backgrounds(name: str, replace: str, p: float, fg_min: float, views: int) -> None:
    for index, view in enumerate(RECIPES[name].views):
        expected = (replace, p, fg_min) if index < views else ("none", 0.0, 0.0)
        assert (view.background.replace, view.background.p, view.crop.fg_min) == expected


def test_methods_without_masks_need_none() -> None:
    plain = ("mocov2", "simclr", "simsiam", "byol", "swav", "msr", "knn-moco", "supervised")
    for name in (*plain, "cast-plain", "cast-crop", "msr-weak", "multi-crop", "multi-crop-overlap"):
        assert not RECIPES[name].needs_masks
        assert not RECIPES[name].needs_backgrounds


def test_special_parts() -> None:
    swaps = RECIPES["mocov2-bg-swaps"].negative
    assert swaps is not None
    assert (swaps.p, swaps.view.crop.fg_min) == (0.2, 0.1)
    query, key = RECIPES["cast"].views
    assert [query.cam_masks, key.cam_masks, query.masked, key.masked] == [7, 7, False, True]
    assert {(v.crop.rule, v.crop.fg_min, v.crop.center) for v in (query, key)} == {("phi", 0.2, "foreground")}
    assert all(view.weak for view in RECIPES["msr"].views)
    strong = [view.photometric.auto_augment_p for view in RECIPES["knn-moco"].views]
    assert strong == [0.5, 0.0, 0.5, 0.5, 0.5, 0.5], "never on the anchor"
    masked = RECIPES["relicv2"].views[0].background
    assert (masked.place, masked.min_area) == ("before", 0.05)


def test_casts_controls_differ_in_what_they_leave_out() -> None:
    for cast, crop, plain in zip(
        *(RECIPES[name].views for name in ("cast", "cast-crop", "cast-plain")), strict=True
    ):
        assert replace(cast, cam_masks=0, masked=False) == crop
        assert replace(crop, crop=plain.crop) == plain
        assert (plain.crop.fg_min, plain.crop.center, plain.crop.rule) == (0, "uniform", "plain")
    for cast, uniform in zip(RECIPES["cast"].views, RECIPES["cast-uniform"].views, strict=True):
        assert replace(uniform, crop=cast.crop) == cast
        assert replace(uniform.crop, center="foreground") == cast.crop
    query, key = RECIPES["cast-intersection"].views
    assert (query.masks_within, key.masks_within, key.crop.fg_within) == (1, 0, 0)
    both = replace(query, masks_within=None), replace(key, masks_within=None, crop=query.crop)
    assert both == RECIPES["cast"].views


def test_kinds_of_multi_crop() -> None:
    free, bound, strong = (RECIPES[name].views for name in ("multi-crop", "multi-crop-overlap", "knn-moco"))
    assert [view.crop.overlap_of for view in free] == [None] * 6
    assert [view.crop.overlap_of for view in bound] == [None, None, 1, 1, 1, 1]
    for one, two, three in zip(free, bound, strong, strict=True):
        assert replace(two, crop=one.crop) == one
        assert replace(three, photometric=one.photometric) == two
    weak = RECIPES["msr-weak"].views[1].photometric
    assert (weak.jitter_p, weak.gray_p, weak.blur_p, weak.solarize_p) == (0, 0, 0, 0)


def photos(count: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    sat, rows = [], np.zeros(count, META)
    for row in range(count):
        height, width = (int(v) for v in rng.integers(60, 120, 2))
        y, x = np.mgrid[0:height, 0:width] + 0.5
        centre, radius = rng.uniform(0.35, 0.65, 2), rng.uniform(0.1, 0.4, 2)
        mask = np.hypot((y / height - centre[0]) / radius[0], (x / width - centre[1]) / radius[1]) <= 1
        sat.append(summed_area_table(mask))
        rows["size"][row], rows["fg_box"][row] = (height, width), foreground_box(mask)
        rows["fg_area_ppm"][row] = round(mask.mean() * 1e6)
    return np.stack(sat), rows


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_draws_what_it_says(name: str) -> None:
    recipe, count = RECIPES[name], 1000
    sat, meta = photos(count)
    draws = draw(recipe, sat, meta, np.arange(count), seed=0, epoch=0)
    assert len(draws.views) == len(recipe.views)
    for view, made in zip(recipe.views, draws.views, strict=True):
        law = view.background
        kind = {"grey": GRAY, "donor": DONOR}.get(law.replace, 0)
        share = (made.kind != 0).mean()
        assert set(np.unique(made.kind)) <= {0, kind}
        assert abs(share - law.p) < 0.045
        area = made.box[:, 2:].prod(axis=1)
        if view.crop.rule != "phi" and name != "plain":
            fitted = (area > view.crop.scale[0] * 0.95) & (area < view.crop.scale[1] * 1.05)
            assert fitted.mean() > 0.97
        if view.crop.overlap_of is not None:
            inside = intersection(made.box, draws.views[view.crop.overlap_of].box) / area
            assert (inside >= 0.2 - 1e-5).mean() > 0.98
    if recipe.negative is not None:
        assert abs(draws.negatives[0].matched.mean() - recipe.negative.p) < 0.05


def test_plain_is_the_central_square_without_chance() -> None:
    sat, meta = photos(50)
    one, two = (draw(RECIPES["plain"], sat, meta, np.arange(50), seed=s, epoch=s).views[0] for s in (0, 1))
    np.testing.assert_array_equal(one.box, two.box)
    sides = one.box[:, 2:] * meta["size"]
    np.testing.assert_allclose(sides, meta["size"].min(axis=1, keepdims=True) * np.ones((1, 2)), rtol=1e-5)
    middle = (one.box[:, :2] + one.box[:, 2:] / 2) * meta["size"]
    assert np.abs(middle - meta["size"] / 2).max() < 0.501
    assert not one.flip.any()
