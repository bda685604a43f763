"""Photos with an ellipse each, and draws of batches of them."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.loaders.recipes.parts import Background
from maskgen.loaders.recipes.spec import Negative, Recipe, View
from maskgen.loaders.sampling.draws import BatchDraws, draw
from maskgen.loaders.sampling.view_draws import ViewDraws
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


def near(share: Any, p: float, count: int = 20_000) -> bool:
    """Within four deviations of a binomial law."""
    return bool(abs(np.mean(share) - p) <= 4 * np.sqrt(p * (1 - p) / count))


DONATED = View(background=Background(replace="donor", p=0.5))


SWAPS = Recipe(
    views=(View(background=Background(replace="donor", p=0.4)),) * 2, negative=Negative(p=0.5, view=View())
)
