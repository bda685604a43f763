"""How long a run takes to start again where most of its shards are made, by their number.

The shards are commit records beside empty files, one image each: what a resume looks at does not depend on
what is in them. All but one are there, and the clock runs from the call until the first worker is started. In
a store (moto, on the same cores) the records lie beside a manifest of all but a hundred of them. With
`--tasks` two tasks of an array make the two shards that are missing, one after the other: one that leaves
a shard to be made, and the last.

    python benchmarks/resume.py --work scratch/ [--shards 30000 100000] [--tasks 64] [--store] [--profile]
"""

from __future__ import annotations

import argparse
import cProfile
import hashlib
import os
import pstats
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from object_store import SERVER
from plan import make_source

from maskgen.config.run_config import make_config
from maskgen.io.storage.location import Location, open_location
from maskgen.pipelines.planning import prepare
from maskgen.pipelines.remembered import FOLDER_VARIABLE
from maskgen.pipelines.resolve import resolve
from maskgen.pipelines.running import Progress, RunOptions, run
from maskgen.shards import manifest, naming
from maskgen.shards.plan import Plan, shard_rows
from maskgen.shards.record import FileFact, Record, record_path

YOUNG = 100
"""Records that the manifest of a store does not know yet."""


def make_shards(folder: Path, plan: Plan) -> None:
    """Commit all shards but the last, without anything in them."""
    empty = hashlib.sha256().hexdigest()
    facts = {suffix: FileFact(0, empty) for suffix in naming.SUFFIXES}
    for shard in plan.shards[:-1]:
        for suffix in naming.SUFFIXES:
            (folder / f"{shard.name}.{suffix}").touch()
        record = Record(shard.name, shard.images, 0, plan.fingerprint, facts)
        record_path(folder, shard.name).write_bytes(record.render())


class Times(NamedTuple):
    """Of a run, seconds by the clock and of CPU: until it made its first shard, and from there to its end."""

    begun: float
    begun_cpu: float
    rest: float
    rest_cpu: float

    def __str__(self) -> str:
        return (
            f"begins after {self.begun:.1f} s ({self.begun_cpu:.1f} of CPU) "
            f"and ends {self.rest:.1f} s later ({self.rest_cpu:.1f})"
        )


def start(values: dict[str, Any], task: tuple[int, int] = (0, 1)) -> Times:
    """Run until all shards of a task are there."""
    marks = [(time.perf_counter(), time.process_time())]

    def report(_: Progress) -> None:
        marks.append((time.perf_counter(), time.process_time()))

    run(make_config({**values, "max_failures": "100%"}), RunOptions(task=task, report=report))
    (began, cpu), (first, first_cpu) = marks[:2]
    return Times(first - began, first_cpu - cpu, time.perf_counter() - first, time.process_time() - first_cpu)


def rows_ms(place: Location, shards: int) -> float:
    """Milliseconds for the rows of one shard, median of 20 from all over the table."""
    times = []
    for number in range(0, shards, max(1, shards // 20)):
        began = time.perf_counter()
        shard_rows(place, number)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


def measure(work: Path, shards: int, *, tasks: int, store: bool, profile: bool) -> None:
    """Print the figures of one size."""
    make_source(work / "photos", shards, shards // 10)
    output = work / "shards"
    shutil.rmtree(output, ignore_errors=True)
    os.environ[FOLDER_VARIABLE] = "off"
    values: dict[str, Any] = {
        "dataset": "jft",
        "input": str(work / "photos"),
        "output": str(output),
        "method": "box",
    }
    values |= {"shard_size": 1, "workers": 1}
    plan = prepare(resolve(make_config(values)))
    make_shards(output, plan)
    print(f"{shards:,} shards; rows of one in {rows_ms(output, shards):.2f} ms")
    watch = cProfile.Profile()
    if profile:
        watch.enable()
    times = start(values)
    watch.disable()
    print(f"  a resume {times}: {times.begun_cpu / shards * 1e6:.0f} us of CPU a shard until it begins")
    if profile:
        pstats.Stats(watch).sort_stats("cumulative").print_stats(45)
    if tasks:
        measure_tasks(output, plan, values, tasks)
    if store:
        measure_store(output, plan, values)


def measure_tasks(folder: Path, plan: Plan, values: dict[str, Any], tasks: int) -> None:
    """The same for two tasks of an array, each of which has one shard to make."""
    last = len(plan.shards) - 1
    for number in (0, last):
        for suffix in naming.SUFFIXES:
            (folder / f"{plan.shards[number].name}.{suffix}").unlink(missing_ok=True)
        record_path(folder, plan.shards[number].name).unlink()
    (folder / naming.MANIFEST).unlink()
    print(f"  of {tasks} tasks one that is not the last {start(values, (0, tasks))}")
    print(f"  the last {start(values, (last % tasks, tasks))}")


def measure_store(folder: Path, plan: Plan, values: dict[str, Any]) -> None:
    """The same with the shards in a store."""
    with moto() as client:
        manifest.write(folder, plan)
        records = sorted((folder / naming.RECORDS).iterdir())
        known = {path: path.read_bytes() for path in records[:YOUNG]}
        for path in known:
            path.unlink()
        manifest.write(folder, plan)
        for path, data in known.items():
            path.write_bytes(data)
        for path in folder.rglob("*"):
            if path.is_file():
                key = path.relative_to(folder).as_posix()
                client.put_object(Bucket="shards", Key=key, Body=path.read_bytes())
        each = rows_ms(open_location("s3://shards"), len(plan.shards))
        print(f"  rows of one shard in the store in {each:.1f} ms")
        print(f"  in the store a resume {start({**values, 'output': 's3://shards'})}")


@contextmanager
def moto() -> Iterator[Any]:
    """A client of a store with a bucket `shards`."""
    import boto3

    command = [sys.executable, "-c", SERVER]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=quiet, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        settings = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        os.environ.update(settings, AWS_REGION="us-east-1")
        client = boto3.client("s3", endpoint_url=url)
        client.create_bucket(Bucket="shards")
        try:
            yield client
        finally:
            server.kill()


def main() -> None:
    """Print the figures of each size."""
    words = argparse.ArgumentParser()
    words.add_argument("--work", type=Path, required=True)
    words.add_argument("--shards", type=int, nargs="+", default=[30_000, 100_000])
    words.add_argument("--tasks", type=int, default=0)
    words.add_argument("--store", action="store_true")
    words.add_argument("--profile", action="store_true")
    given = words.parse_args()
    for shards in given.shards:
        measure(given.work, shards, tasks=given.tasks, store=given.store, profile=given.profile)


if __name__ == "__main__":
    main()
