"""Stage one per photo with photos stored as PNGs against JPEGs: bytes, time in one process, the JPEG's loss.

The photos of a folder are written as PNGs first, at their own size or at a small one: both formats have a
lossless source.

    python benchmarks/photo_format.py --input photos/ --work scratch/ [--side 32] [--photos 50] [--method box]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from maskgen.config.run_config import make_config
from maskgen.io.images.stored import decode_photo
from maskgen.pipelines.planning import prepare
from maskgen.pipelines.resolve import resolve
from maskgen.pipelines.shard.stages import Quarantined, Stages
from maskgen.processes.watch import IDLE, Watch
from maskgen.shards.plan import shard_rows

ROUNDS = 5
LOSSLESS_DB = 100


def main() -> None:
    """Print a line for each format, then their ratios; rounds alternate, each format's best one counts."""
    words = argparse.ArgumentParser()
    words.add_argument("--input", type=Path, required=True)
    words.add_argument("--work", type=Path, required=True)
    words.add_argument("--side", type=int, default=0, help="px; 0 keeps the photos' own sizes")
    words.add_argument("--photos", type=int, default=50)
    words.add_argument("--method", default="box")
    given = words.parse_args()
    source = given.work / "photos"
    source.mkdir(parents=True)
    files = sorted(
        path for path in given.input.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png")
    )
    for number, path in enumerate(files[: given.photos]):
        photo = cv2.imread(str(path))
        if given.side:
            photo = cv2.resize(photo, (given.side, given.side), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(source / f"{number:04d}.png"), photo)
    runs = {name: _Run(given, source, name) for name in ("jpg", "png")}
    for _ in range(ROUNDS):
        for run in runs.values():
            run.make()
    for name, run in runs.items():
        loss = f"{run.decibels:.1f} dB" if run.decibels < LOSSLESS_DB else "lossless"
        print(
            f"{name}: {run.seconds * 1e3:.2f} ms a photo, {run.photo_bytes:,.0f} bytes of photo, "
            f"{run.all_bytes:,.0f} bytes of sample, {loss}"
        )
    jpg, png = runs.values()
    print(
        f"png / jpg: time {png.seconds / jpg.seconds:.2f}, photo {png.photo_bytes / jpg.photo_bytes:.2f}, "
        f"sample {png.all_bytes / jpg.all_bytes:.2f}"
    )


class _Run:
    """A run's stages in this process, and what they took and made."""

    def __init__(self, given: argparse.Namespace, source: Path, name: str) -> None:
        output = given.work / name
        values = {"dataset": "folder", "input": str(source), "output": str(output), "method": given.method}
        config = resolve(make_config({**values, "photo_format": name}))
        plan = prepare(config)
        self.name, self.rows = name, shard_rows(output, 0)
        self.stages = Stages(config, plan.members)
        self.seconds = float("inf")
        self.photo_bytes = self.all_bytes = self.decibels = 0.0
        self._sources = [decode_photo((source / row.sample.path).read_bytes()) for row in self.rows]

    def make(self) -> None:
        watch, made = Watch(list(IDLE)), []
        started = time.perf_counter()
        for row in self.rows:
            result = self.stages.finish(self.stages.mask(self.stages.decode(row)), watch)
            assert not isinstance(result, Quarantined)
            made.append(dict(result[0].members))
        self.seconds = min(self.seconds, (time.perf_counter() - started) / len(made))
        self.photo_bytes = float(np.mean([len(members[self.name]) for members in made]))
        self.all_bytes = float(np.mean([sum(map(len, members.values())) for members in made]))
        stored = [decode_photo(members[self.name]).astype(float) for members in made]
        errors = [((one - other) ** 2).mean() for one, other in zip(stored, self._sources, strict=True)]
        self.decibels = float(np.mean(10 * np.log10(255**2 / np.maximum(errors, 1e-9))))


if __name__ == "__main__":
    main()
