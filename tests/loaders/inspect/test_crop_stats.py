"""What crops show: counted pixel by pixel on the drawn masks, for the crops that a loader gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maskgen.loaders import RECIPES, Background, Crop, Recipe, TorchLoader, View, open_dataset
from maskgen.loaders.inspect.crop_stats import crop_stats
from maskgen.loaders.recipes.text import with_changes

pytest.importorskip("torch")


def inside(box: Any, size: tuple[int, int]) -> Any:
    """(H, W) bool, the pixels of a crop, whose edges lie on whole ones."""
    y, x, height, width = np.rint(np.asarray(box, np.float64) * np.array([*size, *size])).astype(int).tolist()
    found = np.zeros(size, bool)
    found[y : y + height, x : x + width] = True
    return found


@pytest.mark.slow
def test_shares_are_those_of_the_pixels_of_a_loaders_crops(drawn: Any) -> None:
    recipe = with_changes(RECIPES["mocov2-bg-rm"], {"views.1.crop.scale": "0.05,0.3"})
    dataset = open_dataset(drawn.path)
    (batch,) = TorchLoader(dataset, 21, recipe=recipe, seed=3)
    views: dict[str, list[Any]] = {"area": [], "held": [], "shown": []}
    pairs: dict[str, list[Any]] = {"iou": [], "disjoint": [], "apart": []}
    for key, boxes in zip(batch["key"], batch["boxes"].tolist(), strict=True):
        drawing = drawn.by_key(key)
        mask = drawing.mask >= 0.5
        first, second = (inside(box, drawing.size) for box in boxes)
        views["area"].append([part.mean() for part in (first, second)])
        views["shown"].append([(part & mask).sum() / part.sum() for part in (first, second)])
        pairs["iou"].append((first & second).sum() / (first | second).sum())
        pairs["disjoint"].append(not (first & second).any())
        if mask.any():
            views["held"].append([(part & mask).sum() / mask.sum() for part in (first, second)])
            pairs["apart"].append(not (first & second & mask).any())
    found = crop_stats(dataset, recipe, 1000, seed=3)
    assert found.samples == 21
    assert found.without == pytest.approx(1 - len(views["held"]) / 21)
    for name, expected in views.items():
        got = [getattr(view, name) for view in found.views]
        assert got == pytest.approx(np.mean(expected, axis=0).tolist(), abs=0.02), name
    (pair,) = found.pairs
    assert (pair.views, pair.disjoint) == ((0, 1), np.mean(pairs["disjoint"]))
    assert pair.iou == pytest.approx(np.mean(pairs["iou"]), abs=1e-5)
    assert pair.no_common_foreground == pytest.approx(np.mean(pairs["apart"]), abs=0.06)
    replaced = (batch["replaced"] != 0).float().mean(0).tolist()
    assert [view.replaced for view in found.views] == pytest.approx(replaced)
    assert [view.asked for view in found.views] == [0.2, 0.2]


def test_the_largest_square_and_what_is_skipped(builder: Any) -> None:
    made = builder(samples=12, empty=tuple(range(6)))
    view = View(crop=Crop(scale=(1, 1), ratio=(1, 1)), background=Background(replace="grey", p=1.0))
    found = crop_stats(open_dataset(made.path), Recipe(views=(view,)), 12, seed=0)
    sides = np.array([drawing.size for drawing in made.drawings], np.float64)
    expected = (sides.min(1) ** 2 / sides.prod(1)).mean()
    assert found.views[0].area == pytest.approx(expected, abs=0.01)
    assert (found.without, found.views[0].replaced, found.views[0].asked) == (0.5, 0.5, 1.0)
    assert found.pairs == ()
