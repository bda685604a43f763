"""What checking a CRC-32C of every member costs the loader, and whether it finds bits that rot; on stdout.

    python benchmarks/checksums.py SHARDS [--recipe mocov2-bg-swaps] [--batches 4] [--rounds 5] [--flips 1000]

SHARDS must be of format 3. In each round the same batches are made twice, once with the checksums of the
tables and once without, in changing order; times are CPU times of the process, and the ratio is that of the
medians. Since the difference is of the size of the noise, reading alone is timed both ways too, and then the
checksums themselves and the headers of the pictures, whose sizes are compared with KEY.meta.
Bits are flipped in copies of what a read gives, anywhere in a sample's blocks.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from maskgen.io.checksum import crc32c
from maskgen.io.images.header import jpeg_size
from maskgen.loaders import DaliLoader, SampleReader, open_dataset
from maskgen.loaders.dataset.dataset import Dataset
from maskgen.loaders.index.layout import Places
from maskgen.loaders.index.mapped import Index
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.shards import tar

READ = ("jpg", "bg.jpg", "sat", "fg", "meta")
"""What a loader reads of a sample that shows its background."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--recipe", default="mocov2-bg-swaps")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--flips", type=int, default=1000)
    options = parser.parse_args()
    checked = open_dataset(options.shards)
    bare = replace(checked, index=Bare(os.open(checked.index.path, os.O_RDONLY), checked.index.path))
    both = measured_loaders(checked, bare, options)
    images = options.batch_size * options.batches
    print(f"loader, {options.recipe}: {1e6 * both[0] / images:.0f} us an image with checksums, ", end="")
    print(f"{1e6 * both[1] / images:.0f} without: x {both[0] / both[1]:.4f}")
    names = [name for name in READ if name in checked.members]
    reads = [SampleReader(each, names) for each in (checked, bare)]
    wanted = np.arange(min(options.batch_size, checked.samples))
    read = [cpu_s(lambda reader=reader: reader.take(wanted, names), 100) for reader in reads]  # type: ignore[misc]
    more = (read[0] - read[1]) / len(wanted)
    share = more / (both[1] / images)
    print(f"reading: {1e6 * more:.1f} us an image more with checksums, {100 * share:.2f} % of the loader")
    members = members_read(checked, names, wanted)
    for name, work in (("checksums", check_all), ("headers", read_headers)):
        alone = cpu_s(lambda work=work: work(members), 50)  # type: ignore[misc]
        share = alone / len(wanted) / (both[1] / images)
        print(f"{name} alone: {1e6 * alone / len(wanted):.1f} us an image, {100 * share:.2f} % of the loader")
    print(f"flipped bits found: {found_flips(options.shards, options.flips)} of {options.flips}")


class Bare(Index):
    """An index that knows no checksums."""

    def places(self, samples: np.ndarray, members: Collection[str]) -> Places:
        """Where samples lie."""
        return super().places(samples, members)._replace(checksums=None)


def measured_loaders(checked: Dataset, bare: Dataset, options: argparse.Namespace) -> tuple[float, float]:
    """Median CPU seconds of the batches with checksums and without."""
    loaders = [DaliLoader(each, options.batch_size, recipe=options.recipe) for each in (checked, bare)]
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(options.rounds + 1):
        for which in (0, 1) if number % 2 else (1, 0):
            loaders[which].set_epoch(0)
            start, made = time.process_time(), 0
            for made, _ in enumerate(loaders[which], 1):
                if made == options.batches:
                    break
            if number:  # the first round warms up
                times[which].append((time.process_time() - start) * options.batches / made)
    return statistics.median(times[0]), statistics.median(times[1])


def members_read(dataset: Dataset, names: list[str], samples: np.ndarray) -> list[np.ndarray]:
    """The members of samples, each in an array of its own."""
    taken = SampleReader(dataset, names).take(samples, names)
    return [data.copy() for name in names for data in taken.encoded[name]]


def check_all(members: list[np.ndarray]) -> None:
    for data in members:
        crc32c(data)


def read_headers(members: list[np.ndarray]) -> None:
    for data in members:
        if data[:2].tobytes() == b"\xff\xd8":
            jpeg_size(data.data)


def cpu_s(work: Callable[[], None], times: int) -> float:
    """Median CPU seconds."""
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return statistics.median(found)


def found_flips(shards: Path, count: int) -> int:
    """How many single bits, anywhere in the tars but their end markers, a read of their sample finds."""
    draw, found = random.Random(20261128), 0
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(shards, Path(folder, "copy"))
        dataset = open_dataset(Path(folder, "copy"))
        reader = SampleReader(dataset, dataset.members)
        for _ in range(count):
            shard = draw.choice(dataset.shards)
            place, bit = draw.randrange(shard.bytes - len(tar.END)), 1 << draw.randrange(8)
            row = int(np.searchsorted(shard.starts, place, "right")) - 1
            with dataset.tar(shard).open("r+b", buffering=0) as file:
                for _ in range(2):  # flip it, and flip it back
                    file.seek(place)
                    byte = file.read(1)[0]
                    file.seek(place)
                    file.write(bytes([byte ^ bit]))
                    try:
                        reader.take(np.array([shard.first + row]), dataset.members)
                    except BrokenSample:
                        found += 1
    return found


if __name__ == "__main__":
    main()
