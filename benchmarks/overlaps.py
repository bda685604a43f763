"""How many pairs of crops keep `Crop.iou`, and what the redraws cost.

python benchmarks/overlaps.py            # 4,096 photos of 300 x 400 px, batches of 256, MoCo v2's crops
"""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import numpy as np

from maskgen.loaders import RECIPES, Recipe
from maskgen.loaders.sampling.draws import draw
from maskgen.loaders.sampling.overlaps import off_bounds
from maskgen.shards.meta import META

PHOTOS, BATCH = 4096, 256


def main() -> None:
    """A line for each limit: the pairs above it, CPU time per photo, and its ratio to no limit."""
    meta = np.zeros(BATCH, META)
    meta["size"] = (300, 400)
    sat = np.zeros((BATCH, 33, 33), np.uint16)
    free = 0.0
    for limit in (None, 0.5, 0.3, 0.2, 0.1, 0.0):
        recipe, off = _limited(limit), []
        start = process_time()
        for first in range(0, PHOTOS, BATCH):
            views = draw(recipe, sat, meta, np.arange(first, first + BATCH), seed=0, epoch=0).views
            one, other = (np.rint(view.box * np.tile([300.0, 400.0], 2)) for view in views)
            off.append(off_bounds(one, other, (0.0, 1.0 if limit is None else limit)) > 1e-9)
        spent = (process_time() - start) / PHOTOS * 1e6
        free = free or spent
        print(f"limit {limit}: {np.mean(off):.2%} above it, {spent:.0f} µs per photo, {spent / free:.1f} x")


def _limited(limit: float | None) -> Recipe:
    base = RECIPES["mocov2"]
    if limit is None:
        return base
    second = replace(base.views[1], crop=replace(base.views[1].crop, iou=(0, 0.0, limit)))
    return replace(base, views=(base.views[0], second))


if __name__ == "__main__":
    main()
