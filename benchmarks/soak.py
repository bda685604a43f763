"""Does a worker's memory grow? `maskgen run` over many photos, its resident memory sampled.

python benchmarks/soak.py PHOTOS [--images 20000] [--method box] [run options after --]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np


def children(pid: int) -> list[int]:
    """Child processes of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident_kib(pid: int) -> int:
    """Anonymous resident memory, KiB."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


def open_files(pid: int) -> int:
    """File descriptors in use."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--method", default="box")
    parser.add_argument("options", nargs="*", help="more options of maskgen run, after --")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "photos"
        source.mkdir()
        files = cycle(sorted(given.photos.glob("*.jpg")))
        for number, path in enumerate(islice(files, given.images)):
            (source / f"{number:06d}.jpg").write_bytes(path.read_bytes())
        command = [sys.executable, "-m", "maskgen.cli", "run", "--dataset", "folder", "--input", str(source)]
        command += ["--output", f"{scratch}/shards", "--method", given.method, *given.options]
        started = time.perf_counter()
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        seen: list[
            tuple[float, int, int, int]
        ] = []  # images so far (by time), workers' KiB, run's KiB, files
        while run.poll() is None:
            try:
                workers = children(run.pid)
                memory = sum(resident_kib(pid) for pid in workers)
                files_open = sum(open_files(pid) for pid in workers)
                seen.append((time.perf_counter() - started, memory, resident_kib(run.pid), files_open))
            except (OSError, StopIteration):
                pass  # a process that ended between two looks
            time.sleep(0.5)
        print(run.stdout.read().strip() if run.stdout else "")
    seconds, workers_kib, parent_kib, descriptors = np.array(seen).T
    whole = seconds[-1]
    settled = (seconds > 0.2 * whole) & (seconds < 0.95 * whole)  # after the start, before the workers end
    images = seconds[settled] / whole * given.images
    for name, values in (("workers", workers_kib), ("parent", parent_kib)):
        slope = np.polyfit(images, values[settled] / 1024, 1)[0] * 100_000
        print(
            f"{name}: {np.median(values[settled]) / 1024:.0f} MiB, slope {slope:+.2f} MiB per 100 000 images"
        )
    print(f"open files of the workers: {descriptors[settled].min():.0f} to {descriptors[settled].max():.0f}")


if __name__ == "__main__":
    main()
