"""How `maskgen run` scales: N workers on N cores against one worker pinned to one core, in turns.

python benchmarks/scaling.py PHOTOS [--method mr] [--images 2000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

_SHARD = 25  # small, so that the last shards of the workers end together


def one_run(photos: Path, output: Path, method: str, cores: list[int]) -> float:
    """Wall seconds of a whole run, start-up included, on just these cores."""
    command = [sys.executable, "-m", "maskgen.cli", "run", "--dataset", "folder", "--input", str(photos)]
    command += ["--output", str(output), "--method", method, "--workers", str(len(cores))]
    command += ["--shard-size", str(_SHARD)]
    started = time.perf_counter()
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    return time.perf_counter() - started


def main() -> None:
    """Print the rate of one core and of all, and the median of their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--method", default="mr")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        for number, path in enumerate(islice(cycle(sorted(args.photos.glob("*.jpg"))), args.images)):
            (photos / f"{number:06d}.jpg").write_bytes(path.read_bytes())
        for turn in range(args.rounds):
            alone = one_run(photos, Path(folder) / f"one{turn}", args.method, cores[:1])
            together = one_run(photos, Path(folder) / f"all{turn}", args.method, cores)
            ratios.append(alone / together)
            rates = f"{args.images / alone:.1f} -> {args.images / together:.1f} images/s"
            print(f"{args.method}: 1 -> {len(cores)} cores: {rates}, {ratios[-1]:.2f} x", flush=True)
    print(f"median {statistics.median(ratios):.2f} x")


if __name__ == "__main__":
    main()
