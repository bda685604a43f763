"""What a resumed run's look at the times of its photos' files costs per file, on this disk and a slow one.

The source is a folder of tiny files, the shards are commit records without shards: nothing else is looked at.

    python benchmarks/resume_look.py --work scratch/ [--files 50000]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from maskgen.config.run_config import make_config
from maskgen.pipelines import source_check
from maskgen.pipelines.planning import prepare
from maskgen.pipelines.resolve import resolve
from maskgen.shards.record import Record, record_path

SLOW_S = 0.0003  # a round trip to a file server


def main() -> None:
    """Print microseconds per file, on this disk and where each file's times take a round trip."""
    words = argparse.ArgumentParser()
    words.add_argument("--work", type=Path, required=True)
    words.add_argument("--files", type=int, default=50_000)
    given = words.parse_args()
    photos, output = given.work / "photos", given.work / "shards"
    for number in range(given.files):
        path = photos / f"{number // 1000:04d}" / f"{number % 1000:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    values = {"dataset": "folder", "input": str(photos), "output": str(output), "method": "box"}
    started = time.perf_counter()
    plan = prepare(resolve(make_config(values)))
    print(f"plan: {(time.perf_counter() - started) / given.files * 1e6:.1f} us a file")
    records = {}
    for number, shard in enumerate(plan.shards):
        records[number] = Record(shard.name, shard.images, 0, plan.fingerprint, {})
        record_path(output, shard.name).write_bytes(b"")
    places = source_check.Places(photos, output, output, output)
    started = time.perf_counter()
    notes = source_check.note_touched(places, plan, records)
    print(f"look: {(time.perf_counter() - started) / given.files * 1e6:.1f} us a file", notes)

    def slow(path: str) -> os.stat_result:
        end = time.perf_counter() + SLOW_S
        while time.perf_counter() < end:
            pass
        return os.stat(path)  # noqa: PTH116

    source_check._last_change = lambda path: slow(path).st_mtime_ns
    started = time.perf_counter()
    notes = source_check.note_touched(places, plan, records)
    print(f"{SLOW_S * 1e3:g} ms a file: {time.perf_counter() - started:.1f} s", notes)


if __name__ == "__main__":
    main()
