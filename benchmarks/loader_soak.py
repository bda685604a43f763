"""Does a loader's memory grow? Batches of small views for as long as is given, its resident memory sampled.

    python benchmarks/loader_soak.py SHARDS [--loader dali] [--batches 50000] [--minutes 20] [--recipe NAME]

Each epoch is an iteration of its own, as in a training. The slope is fitted to all samples behind the first
tenth, in which pools and caches fill. One loader a process: start two for both.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from maskgen.loaders import RECIPES, Batch, DaliLoader, TorchLoader

SIDE = 32  # of a view, px
EVERY = 100  # batches between looks


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shards", type=Path)
    parser.add_argument("--loader", choices=("dali", "torch"), default="dali")
    parser.add_argument("--batches", type=int, default=50_000)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--recipe", choices=RECIPES, default="mocov2-bg-swaps")
    options = parser.parse_args()
    recipe = RECIPES[options.recipe]
    small = tuple(replace(view, size=SIDE) for view in recipe.views)
    extra = recipe.negative
    if extra is not None:
        extra = replace(extra, view=replace(extra.view, size=SIDE))
    kind = DaliLoader if options.loader == "dali" else TorchLoader
    loader = kind(
        options.shards,
        options.batch_size,
        recipe=replace(recipe, views=small, negative=extra),
        threads=1,
    )
    seen, begun = [(0, resident_mb())], time.monotonic()
    for number, _ in enumerate(itertools.islice(endless(loader), options.batches), 1):
        if number % EVERY == 0:
            seen.append((number, resident_mb()))
            if time.monotonic() - begun > 60 * options.minutes:
                break
    report(options.loader, np.array(seen), time.monotonic() - begun)
    loader.close()


def endless(loader: DaliLoader | TorchLoader) -> Iterator[Batch]:
    """Epoch behind epoch."""
    while True:
        yield from loader


def resident_mb() -> float:
    """Anonymous resident memory of this process, MB."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) * 1024 / 1e6


def report(name: str, seen: np.ndarray, seconds: float) -> None:
    """A line: batches, memory at the start, in the middle and at the end, and the slope."""
    batches, memory = seen.T
    settled = batches > 0.1 * batches[-1]
    slope = np.polyfit(batches[settled], memory[settled], 1)[0] * 10_000
    marks = [memory[np.searchsorted(batches, share * batches[-1])] for share in (0.1, 0.5, 1.0)]
    print(
        f"{name}: {batches[-1]:.0f} batches in {seconds / 60:.1f} min; MB at 10, 50 and 100 %: "
        f"{', '.join(f'{mark:.1f}' for mark in marks)}; slope {slope:+.2f} MB per 10 000 batches"
    )


if __name__ == "__main__":
    main()
