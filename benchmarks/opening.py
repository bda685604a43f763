"""What opening a data set costs: the first time, when its index is made, and then for every rank.

The shards are made up: tables, indexes and a manifest as a run writes them, and tars that are holes but for
the headers that are looked at. A rank is a process that opens the data set and looks up the places of random
batches.

    python benchmarks/opening.py WORK --samples 1000000 [--ranks 4] [--before TREE]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SHARD = 1000
BATCH, BATCHES = 256, 400
RANK = """
import json, resource, sys, time
import numpy as np
from maskgen.loaders import open_dataset
def memory():
    words = [line.split() for line in open("/proc/self/smaps_rollup")][1:]
    return {line[0][:-1]: int(line[1]) / 1024 for line in words}
def spent():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime
before, begun = memory(), spent()
dataset = open_dataset(sys.argv[1])
opened = [after - was for after, was in zip(spent(), begun)]
own = memory()["Private_Dirty"] - before["Private_Dirty"]
order, places = dataset.order(0, 0), getattr(dataset, "places", None)
begun = spent()
for first in range(0, min(dataset.samples, int(sys.argv[2]) * 256), 256) if places else ():
    places(order[np.arange(first, min(first + 256, dataset.samples))], ("jpg", "bg.jpg", "sat", "fg", "meta"))
looked = (spent()[1] - begun[1]) / int(sys.argv[2]) / 256 * 1e6
now = memory()
print(json.dumps({"wall_s": opened[0], "cpu_s": opened[1], "own_MB": own,
    "own_after_batches_MB": now["Private_Dirty"] - before["Private_Dirty"],
    "mapped_MB": now["Rss"] - now["Anonymous"] - before["Rss"] + before["Anonymous"],
    "peak_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before["Rss"],
    "place_us": looked}))
"""


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("work", type=Path)
    words.add_argument("--samples", type=int, default=1_000_000)
    words.add_argument("--ranks", type=int, default=4)
    words.add_argument("--before", type=Path, help="a checkout of an older version, to be timed too")
    given = words.parse_args()
    folder = given.work / f"samples-{given.samples}"
    if not (folder / "manifest.json").exists():
        make(folder, given.samples)
    if given.before:
        show("before", ranks(folder, 1, given.before))
    for index in folder.glob("samples-*.index"):
        index.unlink()
    show("first", ranks(folder, 1))
    show("again", ranks(folder, 1))
    show(f"{given.ranks} at a time", ranks(folder, given.ranks))
    for index in folder.glob("samples-*.index"):
        size = index.stat().st_size
        print(f"index: {size / 1e6:.1f} MB, {size / given.samples:.1f} bytes a sample")


def ranks(folder: Path, count: int, tree: Path | None = None) -> list[dict[str, Any]]:
    """What each of so many processes at a time measures."""
    paths = os.environ | ({"PYTHONPATH": str(tree)} if tree else {})
    command = [sys.executable, "-c", RANK, str(folder), str(BATCHES)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=paths) for _ in range(count)]
    return [json.loads(process.communicate()[0]) for process in running]


def show(name: str, found: list[dict[str, Any]]) -> None:
    """The highest of each figure."""
    highest = {figure: max(rank[figure] for rank in found) for figure in found[0]}
    print(f"{name}:", ", ".join(f"{figure} {value:.2f}" for figure, value in highest.items()), flush=True)


def make(folder: Path, samples: int) -> None:
    """A data set of made-up tables and empty tars."""
    from maskgen.config.fingerprint import digest
    from maskgen.config.run_config import RunConfig
    from maskgen.shards import naming
    from maskgen.shards.manifest import Manifest
    from maskgen.shards.record import FileFact, Record

    folder.mkdir(parents=True, exist_ok=True)
    members = naming.members(photo=True, background=True, classes=True)
    options = RunConfig(dataset="sample", output="x", method="box").fingerprint_fields()
    identity = {"format": naming.FORMAT_VERSION, "options": options, "versions": {}, "plan": "0"}
    records, started, model = [], time.perf_counter(), Model(members)
    for number, first in enumerate(range(0, samples, SHARD)):
        name = naming.shard_name("made", "up", number)
        facts = {suffix: FileFact(*fact) for suffix, fact in model.write(folder / name, first).items()}
        records.append(Record(name, SHARD, 0, digest(identity), facts))
    whole = Manifest(naming.FORMAT_VERSION, identity, members, samples, True, tuple(records))
    (folder / "manifest.json").write_bytes(whole.render())
    print(f"made {samples} samples in {time.perf_counter() - started:.0f} s", flush=True)


class Model:
    """Shards that differ in their keys alone."""

    def __init__(self, members: tuple[str, ...]) -> None:
        from maskgen.loaders.dataset.shard import content_offsets, fixed_bytes
        from maskgen.shards import naming, table, tar

        draw, self.members = np.random.default_rng(0), members
        usual = {"jpg": 110_000, "mask.png": 9000, "bg.jpg": 80_000, "json": 400, "cls": 3}
        usual |= fixed_bytes(naming.FORMAT_VERSION)
        self.sizes = np.array([[usual[ext] for ext in members]] * SHARD, np.int64)
        self.sizes[:, :3] += draw.integers(5000, size=(SHARD, 3))
        steps = (tar.BLOCK + self.sizes + -self.sizes % tar.BLOCK).sum(axis=1)
        self.offsets = content_offsets(np.cumsum(steps) - steps, self.sizes.astype(np.uint32))
        self.bytes = int(steps.sum()) + len(tar.END)
        sums = draw.integers(2**32, size=self.sizes.shape, dtype=np.int64)
        self.values: dict[str, Any] = {
            "status": ["ok"] * SHARD,
            "error": [""] * SHARD,
            "label": ["7"] * SHARD,
        }
        hashes = [f"{number:064x}" for number in sums[:, 0].tolist()]
        self.values |= {"source_sha256": hashes, "sha256": hashes}
        for column, ext in enumerate(members):
            for part, numbers in (("offset", self.offsets), ("size", self.sizes), ("crc32c", sums)):
                self.values[table.column(ext, part)] = numbers[:, column]
        self.lines = [
            " ".join(f"{ext} {o} {s} KEY.{ext}" for ext, o, s in zip(members, places, lengths, strict=True))
            for places, lengths in zip(self.offsets.tolist(), self.sizes.tolist(), strict=True)
        ]

    def write(self, stem: Path, first: int) -> dict[str, tuple[int, str]]:
        """The files of a shard; size and SHA-256 of each, but for the tar's, which nobody looks at."""
        from maskgen.shards import tar

        keys = [f"n{sample * 2654435761 % 10**8:08d}_{sample}" for sample in range(first, first + SHARD)]
        self._write_table(f"{stem}.parquet", keys)
        lines = [line.replace("KEY", key) for line, key in zip(self.lines, keys, strict=True)]
        Path(f"{stem}.idx").write_text("\n".join([f"v1.2 {SHARD}", *lines, ""]))
        with Path(f"{stem}.tar").open("wb") as file:
            for row in (0, SHARD // 2, SHARD - 1):
                places, lengths = self.offsets[row].tolist(), self.sizes[row].tolist()
                for ext, place, size in zip(self.members, places, lengths, strict=True):
                    file.seek(place - tar.BLOCK)
                    file.write(tar.header(f"{keys[row]}.{ext}", size))
            file.truncate(self.bytes)
        facts = {"tar": (self.bytes, "0" * 64)}
        for suffix in ("parquet", "idx"):
            content = Path(f"{stem}.{suffix}").read_bytes()
            facts[suffix] = len(content), hashlib.sha256(content).hexdigest()
        return facts

    def _write_table(self, path: str, keys: list[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from maskgen.shards import table

        for field in table.SCHEMA:  # made once, but for the keys
            value = self.values.get(field.name)
            if not isinstance(value, pa.Array):
                given = value is not None
                self.values[field.name] = (
                    pa.array(value, field.type) if given else pa.nulls(SHARD, field.type)
                )
        own = {"key": pa.array(keys), "path": pa.array([f"{key[:9]}/{key}.jpg" for key in keys])}
        arrays = [own.get(field.name, self.values[field.name]) for field in table.SCHEMA]
        pq.write_table(pa.Table.from_arrays(arrays, schema=table.SCHEMA), path, compression="zstd")


if __name__ == "__main__":
    main()
