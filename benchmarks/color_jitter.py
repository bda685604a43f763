"""What the exact color jitter costs: the renderer in both modes, and torchvision's own functions.

python benchmarks/color_jitter.py            # 64 noisy photos, MoCo v2's two views, one thread
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from time import process_time

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import functional as tv2

from maskgen.loaders import RECIPES, Recipe
from maskgen.loaders.pixels import draw_table
from maskgen.loaders.pixels.color_jitter import color_jitter
from maskgen.loaders.pixels.render import Renderer
from maskgen.loaders.sampling.draws import draw
from maskgen.shards.meta import META

_STEPS = (tv2.adjust_brightness, tv2.adjust_contrast, tv2.adjust_saturation, tv2.adjust_hue)


def main() -> None:
    """Print CPU time per view in each mode, and its ratio to the quick one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--photos", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    count, rng = options.photos, np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 40, 50, 3), dtype=np.uint8)
    photos = [np.asarray(cv2.resize(part, (500, 400), interpolation=cv2.INTER_CUBIC)) for part in coarse]
    jobs = {mode: _renders(_recipe(mode), photos) for mode in ("affine", "torchvision", "no jitter")}
    views = [np.ascontiguousarray(photo[:224, :224]) for photo in photos]
    jobs["the four steps alone, ours"] = lambda: [
        color_jitter(v, (1.2, 0.8, 1.3, 0.05), (2, 0, 3, 1)) for v in views
    ]
    tensors = [torch.from_numpy(view).permute(2, 0, 1).contiguous() for view in views]
    jobs["the four steps alone, torchvision's"] = lambda: [_theirs(tensor) for tensor in tensors]
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(options.rounds):
        for name, job in jobs.items():
            start = process_time()
            job()
            found[name].append((process_time() - start) / count * 1e6)
    for name, times in found.items():
        print(f"{name:36} {median(times):8.0f} µs per photo, {median(times) / median(found['affine']):.2f} x")


def _recipe(mode: str) -> Recipe:
    base = RECIPES["mocov2"]
    chain = base.views[0].photometric
    chain = replace(chain, jitter_mode=mode) if mode != "no jitter" else replace(chain, jitter_p=0, gray_p=0)
    return replace(base, views=tuple(replace(view, photometric=chain) for view in base.views))


def _renders(recipe: Recipe, photos: list[NDArray[np.uint8]]) -> Callable[[], object]:
    meta = np.zeros(len(photos), META)
    meta["size"] = [photo.shape[:2] for photo in photos]
    sat = np.zeros((len(photos), 33, 33), np.uint16)
    table = draw_table.pack(draw(recipe, sat, meta, np.arange(len(photos)), seed=0, epoch=0), meta)
    renderer = Renderer(recipe, 128)
    return lambda: renderer.render(photos, table)


def _theirs(picture: torch.Tensor) -> torch.Tensor:
    for step, factor in ((2, 1.3), (0, 1.2), (3, 0.05), (1, 0.8)):
        picture = _STEPS[step](picture, factor)
    return picture


if __name__ == "__main__":
    main()
