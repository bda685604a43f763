"""The renderer on pictures of one color, where every output is known; whole batches are held against the
oracle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maskgen.loaders import Background, Recipe, View
from maskgen.loaders.pixels import draw_table
from maskgen.loaders.pixels.render import Renderer
from maskgen.loaders.recipes.parts import IMAGENET_MEAN
from maskgen.loaders.sampling.view_draws import DONOR, GRAY

SIDE = 16


def flat(level: int, height: int = 40, width: int = 60) -> Any:
    return np.full((height, width, 3), level, np.uint8)


def half_mask() -> Any:
    """Foreground on the left."""
    mask = np.zeros((128, 128), np.uint8)
    mask[:, :64] = 255
    return mask


def test_each_kind_of_background_behind_the_foreground() -> None:
    view = View(size=SIDE, background=Background(replace="donor", p=1.0), masks=True, masked=True)
    table = draw_table.blank(3, 1)
    table["kind"][:, 0] = (0, GRAY, DONOR)
    table["gray"][1] = 200
    table["donor"][2] = 0
    table["bg_roi"], table["bg_place"] = (0, 0, 1, 1), (0, 0, 1, 1)
    renderer = Renderer(Recipe(views=(view,)), 128)
    views, masks, masked = renderer.render(
        [flat(10), flat(20), flat(30)], table, [half_mask()] * 3, [flat(90)] * 3
    )
    assert views.shape == (3, 3, SIDE, SIDE)
    assert masks.shape == (3, 1, SIDE, SIDE)
    left, right = views[..., : SIDE // 2 - 1], views[..., SIDE // 2 + 1 :]
    assert [set(row.ravel().tolist()) for row in left] == [{10}, {20}, {30}]
    assert [set(row.ravel().tolist()) for row in right] == [{10}, {200}, {90}]
    assert (masks[..., : SIDE // 2 - 1] == 255).all()
    assert not masks[..., SIDE // 2 + 1 :].any()
    assert (masked[:, :, 0, -1] == IMAGENET_MEAN).all()


def test_a_view_shows_the_photo_of_its_source() -> None:
    table = draw_table.blank(2, 1)
    table["source"][:, 0] = (1, 0)
    (views,) = Renderer(Recipe(views=(View(size=SIDE),)), 128).render([flat(10), flat(20)], table)
    assert (views[0] == 20).all()
    assert (views[1] == 10).all()


def test_each_view_of_a_photo_is_cut_out_by_a_mask_of_its_own() -> None:
    """As where masks are corrupted for each use: the left half, the right half, and nothing."""
    view = View(size=SIDE, masks=True)
    each = np.stack([half_mask(), 255 - half_mask(), np.zeros((128, 128), np.uint8)])
    recipe = Recipe(views=(view, view, view))
    made = Renderer(recipe, 128).render([flat(10)], draw_table.blank(1, 3), [each])
    left, right, nothing = (mask[0, 0] > 0 for mask in made[1::2])
    assert left[:, : SIDE // 2 - 1].all()
    assert not left[:, SIDE // 2 + 1 :].any()
    assert right[:, SIDE // 2 + 1 :].all()
    assert not right[:, : SIDE // 2 - 1].any()
    assert not nothing.any()


def test_a_patch_lies_on_its_own_photo() -> None:
    """The donor's background is stored for its left half only; the rest is the donor's photo."""
    view = View(size=SIDE, background=Background(replace="donor", p=1.0))
    table = draw_table.blank(2, 1)
    table["kind"][0], table["donor"][0] = DONOR, 1
    table["bg_roi"], table["bg_place"] = (0, 0, 1, 1), (0, 0, 1, 0.5)
    nothing = np.zeros((128, 128), np.uint8)
    photos, patches = [flat(10), flat(50)], [flat(0), flat(90, 40, 30)]
    (views,) = Renderer(Recipe(views=(view,)), 128).render(photos, table, [nothing] * 2, patches)
    assert (views[0][..., : SIDE // 2 - 1] == 90).all()
    assert (views[0][..., SIDE // 2 + 1 :] == 50).all()


@pytest.mark.parametrize("reuse", [True, False])
def test_arrays_are_the_callers_own_unless_they_are_reused(reuse: bool) -> None:
    renderer = Renderer(Recipe(views=(View(size=SIDE),)), 128, reuse=reuse)
    (first,) = renderer.render([flat(10)], draw_table.blank(1, 1))
    (second,) = renderer.render([flat(20)], draw_table.blank(1, 1))
    assert np.shares_memory(first, second) == reuse
    assert (first == (20 if reuse else 10)).all()


def test_threads_and_layout_do_not_change_a_value() -> None:
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (50, 70, 3), dtype=np.uint8) for _ in range(9)]
    table = draw_table.blank(9, 2)
    table["roi"][:, :, 0] = rng.uniform(0, 0.4, (9, 2))
    table["sigma"] = rng.uniform(0, 2, (9, 2))
    recipe = Recipe(views=(View(size=SIDE), View(size=24)))
    planes = Renderer(recipe, 128).render(photos, table)
    last = Renderer(recipe, 128, threads=4, channels_last=True).render(photos, table)
    for one, two in zip(planes, last, strict=True):
        assert (one == two.transpose(0, 3, 1, 2)).all()


def test_lists_are_what_a_graph_of_dali_takes() -> None:
    table = draw_table.blank(2, 1)
    rows = list(draw_table.as_floats(table))
    (expected,) = Renderer(Recipe(views=(View(size=SIDE),)), 128).render([flat(10), flat(20)], table)
    found = Renderer(Recipe(views=(View(size=SIDE),)), 128).lists([flat(10), flat(20)], rows)
    assert isinstance(found, list), "a single output is no tuple"
    assert (np.stack(found) == expected).all()
