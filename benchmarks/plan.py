"""What the plan of many images costs by their number, and what that means for 300 million.

The source is a set of TFRecord files of tiny records, each file a copy of the first, as 300 million photos
may be stored in a thousand files. Per image are told: the time on all workers together, from which hours on
16 cores are reckoned; the largest process; then how long a resume needs to trust the plan, to read the
records of all its shards and to write the manifest; how long the rows of one shard take; and what listing
costs anew, remembered, and when one file has changed.

    python benchmarks/plan.py --work scratch/ [--images 1000000 3000000] [--workers 2] [--per-file 100000]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import struct
import time
from pathlib import Path

from maskgen.config.run_config import make_config
from maskgen.pipelines.listed import Listed, list_source
from maskgen.pipelines.planning import prepare
from maskgen.pipelines.remembered import FOLDER_VARIABLE, Memory, open_memory
from maskgen.pipelines.resolve import resolve
from maskgen.pipelines.sources import open_source
from maskgen.pipelines.sources.containers.tfrecord import masked_crc32c
from maskgen.shards import manifest
from maskgen.shards.plan import Plan, shard_rows
from maskgen.shards.record import Record, record_path

PER_FILE = 100_000
AGED = 1_000_000_000
"""A time of files that are old enough to be remembered."""
ALL = 300_000_000
CORES = 16


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def span(number: int, data: bytes) -> bytes:
    """A field of bytes as protobuf writes it."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def record(image: bytes, label: int) -> bytes:
    """A `tf.train.Example` with an image and a label, in the frame of a TFRecord."""
    values = {
        "image/encoded": span(1, span(1, image)),
        "image/class/label": span(3, span(1, varint(label))),
    }
    entries = (span(1, span(1, name.encode()) + span(2, value)) for name, value in values.items())
    data = span(1, b"".join(entries))
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<L", masked_crc32c(head)) + data + struct.pack("<L", masked_crc32c(data))


def make_source(folder: Path, images: int, per_file: int) -> int:
    """Files ``jft-train-?????-of-?????``; returns how many images they hold."""
    count = -(-images // per_file)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = [folder / f"jft-train-{number:05d}-of-{count:05d}" for number in range(count)]
    with names[0].open("wb") as file:
        for number in range(per_file):
            file.write(record(b"tiny image", number % 18_291))
    for name in names[1:]:
        shutil.copyfile(names[0], name)
    for name in names:
        os.utime(name, (AGED, AGED))
    return count * per_file


def cpu_seconds() -> float:
    """Of this process and of those that it has ended."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def peaks_mb() -> tuple[float, float]:
    """Memory of this process at its peak, and of the largest of those that it has ended."""
    own, others = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own / 1024, others / 1024


def measure(work: Path, images: int, workers: int, per_file: int) -> None:
    """Print the figures of one size."""
    images = make_source(work / "photos", images, per_file)
    shutil.rmtree(work / "shards", ignore_errors=True)
    values = {"dataset": "jft", "input": str(work / "photos"), "output": str(work / "shards")}
    os.environ[FOLDER_VARIABLE] = "off"
    config = resolve(make_config({**values, "method": "box", "workers": workers}))
    started, cpu, own = time.perf_counter(), cpu_seconds(), time.process_time()
    plan = prepare(config)
    seconds, cpu, own = time.perf_counter() - started, cpu_seconds() - cpu, time.process_time() - own
    table = (work / "shards" / "plan.table").stat().st_size
    parent, worker = peaks_mb()
    print(
        f"{images:,} images: {seconds:.1f} s with {workers} workers; CPU {cpu / images * 1e6:.1f} us an image"
    )
    print(f"  of the parent {own / images * 1e6:.2f} us; peak {parent:.0f} MB, of a worker {worker:.0f} MB")
    print(f"  table {table / images:.1f} bytes an image; {len(plan.shards):,} shards")
    resume(config.options.output, plan)
    (work / f"{images}.figures").write_text(f"{images} {cpu - own} {own} {parent}")

    started = time.perf_counter()
    assert prepare(config) == plan
    print(f"  resume trusts the plan in {time.perf_counter() - started:.3f} s")
    again(work, values, workers)


def again(work: Path, values: dict[str, str], workers: int) -> None:
    """Listing alone: anew, remembered, and after one file of all has changed, twice in this order."""
    options = make_config(values)
    shutil.rmtree(work / "listings", ignore_errors=True)
    os.environ[FOLDER_VARIABLE] = str(work / "listings")
    changing = min((work / "photos").iterdir())
    costs: dict[str, list[float]] = {}
    for turn in range(2):
        for what in ("anew", "remembered", "one file changed"):
            memory = Memory(None) if what == "anew" else open_memory(options, worth_s=0)
            if what == "one file changed":
                os.utime(changing, (AGED, AGED + 1 + turn))
            cpu = cpu_seconds()
            with memory, Listed(work) as listed:
                list_source(open_source(options), listed, workers, memory=memory)
            name = "anew and written down" if what == "remembered" and not turn else what
            costs.setdefault(name, []).append((cpu_seconds() - cpu) / listed.images * 1e6)
    size = sum(path.stat().st_size for path in (work / "listings").iterdir()) / listed.images
    texts = ", ".join(f"{what} {min(each):.2f}" for what, each in costs.items())
    ratio = min(costs["remembered"]) / min(costs["anew"])
    print(f"  CPU us an image to list: {texts}; remembered / anew {ratio:.4f}; {size:.0f} bytes an image")


def resume(output: str, plan: Plan) -> None:
    """What depends on the number of shards."""
    folder = Path(output)
    for shard in plan.shards:
        facts = Record(shard.name, shard.images, 0, plan.fingerprint, {})
        record_path(folder, shard.name).write_bytes(facts.render())
    started = time.perf_counter()
    manifest.write(folder, plan)
    each = (time.perf_counter() - started) / len(plan.shards)
    print(f"  a manifest of all records {each * 1e6:.0f} us a shard: {each * ALL / 1000:.0f} s for {ALL:,}")
    times = []
    for number in range(0, len(plan.shards), max(1, len(plan.shards) // 50)):
        started = time.perf_counter()
        shard_rows(folder, number)
        times.append(time.perf_counter() - started)
    times.sort()
    print(f"  rows of one shard: median {times[len(times) // 2] * 1e3:.2f} ms, least {times[0] * 1e3:.2f} ms")


def extrapolate(work: Path) -> None:
    """Print what the slope between the smallest and the largest size means for all photos."""
    rows = sorted(tuple(map(float, path.read_text().split())) for path in work.glob("*.figures"))
    few, many = rows[0], rows[-1]
    others, own, peak = ((many[k] - few[k]) / (many[0] - few[0]) for k in (1, 2, 3))
    seconds = ALL * max(others / CORES, own)
    print(f"slope: {others * 1e6:.1f} us of CPU in the workers, {own * 1e6:.2f} us in the parent an image")
    memory = many[3] + peak * (ALL - many[0])
    print(f"{ALL:,} on {CORES} cores: {seconds / 3600:.2f} h, the parent {memory:.0f} MB")


def main() -> None:
    """Print the figures of each size, in a process of its own so that peaks are its own."""
    words = argparse.ArgumentParser()
    words.add_argument("--work", type=Path, required=True)
    words.add_argument("--images", type=int, nargs="+", default=[1_000_000, 3_000_000])
    words.add_argument("--workers", type=int, default=2)
    words.add_argument("--per-file", type=int, default=PER_FILE)
    given = words.parse_args()
    for images in given.images:
        child = os.fork()
        if not child:
            measure(given.work, images, given.workers, given.per_file)
            os._exit(0)
        os.waitpid(child, 0)
    if len(set(given.images)) > 1:
        extrapolate(given.work)


if __name__ == "__main__":
    main()
