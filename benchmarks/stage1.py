"""Images per second of each part of stage one, and end to end, in one run.

    python benchmarks/stage1.py [PHOTOS] [--images 2000] [--method box] [--workers 2]

PHOTOS is a folder of JPEGs (the photos that scikit-image ships when not given, resized to 400x300). Every part is
timed alone on `workers` processes at once, as often as the parts of a run are, so that all rates are of the same
cores; then `maskgen run` makes real shards from the same photos.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from maskgen.config import RunConfig, make_config, resolved
from maskgen.methods import METHODS
from maskgen.pipelines.run import run
from maskgen.pipelines.sources.sample import PHOTOS, sample_folder
from maskgen.pipelines.stages import Stages
from maskgen.shards.commit import ShardWriter
from maskgen.shards.plan import PlannedImage
from maskgen.shards.sample import SampleId, encode_sample, store_mask
from maskgen.types import Box, ByteRef

PARTS = ("decode", "method", "background", "encode", "tar")


def sample_photos(folder: Path) -> Path:
    """The photos of scikit-image as 400x300 JPEGs."""
    folder.mkdir()
    for name in PHOTOS:
        image = cv2.imread(str(sample_folder() / name))
        cv2.imwrite(
            str(folder / f"{Path(name).stem}.jpg"),
            cv2.resize(image, (400, 300), interpolation=cv2.INTER_AREA),
        )
    return folder


def spread(photos: Path, folder: Path, count: int) -> Path:
    """`count` files in `folder`, the photos over and over."""
    files = sorted(path for path in photos.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg"})
    if not files:
        raise SystemExit(f"no JPEG in {photos}")
    folder.mkdir()
    for number, path in zip(range(count), itertools.cycle(files), strict=False):
        shutil.copy(path, folder / f"{number:06d}.jpg")
    return folder


def part_rates(config: RunConfig, members: tuple[str, ...], barrier: object, results: object) -> None:
    """Time each part on this process's share of the photos; all processes start each part together."""
    cv2.setNumThreads(1)
    stages = Stages(config, members)
    folder = Path(config.input)
    files = sorted(folder.iterdir())[: max(1, min(300, len(list(folder.iterdir()))))]
    images = [
        PlannedImage(SampleId(p.stem, None, p.name), ByteRef(p.name, 0, p.stat().st_size)) for p in files
    ]
    photos = [stages.decode(image) for image in images]
    masked = [stages.mask(photo) for photo in photos]
    finished = [stages.finish(one) for one in masked]
    halves = [_fill(stages, one, config) for one in masked]
    scratch = Path(tempfile.mkdtemp(dir=Path(config.output).parent))

    def tar() -> None:
        with ShardWriter(scratch, f"{os.getpid()}", members, "") as writer:
            for sample, sha256 in finished:
                writer.add(sample, None, sha256)

    work: dict[str, Callable[[], object]] = {
        "decode": lambda: [stages.decode(image) for image in images],
        "method": lambda: [stages.mask(photo) for photo in photos],
        "background": lambda: [_fill(stages, one, config) for one in masked],
        "encode": lambda: [encode_sample(*half, config) for half in halves],
        "tar": tar,
    }
    for part in PARTS:
        barrier.wait()
        started, rounds = time.perf_counter(), 0
        while time.perf_counter() - started < 2.0:
            work[part]()
            rounds += 1
        results.put((part, rounds * len(images) / (time.perf_counter() - started)))
    shutil.rmtree(scratch)


def _fill(stages: Stages, masked: object, config: RunConfig) -> tuple[object, ...]:
    photo = masked.photo
    masks = store_mask(masked.mask, config.threshold, config)
    filled = stages._background(photo.image, masks.hard) if stages._background else None
    return photo.sample, (photo.image, photo.verbatim), masks, filled, Box(0, 0, 1, 1)


def measure_parts(config: RunConfig, members: tuple[str, ...], workers: int) -> dict[str, float]:
    """Images per second of each part, all processes together."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(workers), context.Queue()
    processes = [
        context.Process(target=part_rates, args=(config, members, barrier, results)) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    rates = dict.fromkeys(PARTS, 0.0)
    for _ in range(workers * len(PARTS)):
        part, rate = results.get()
        rates[part] += rate
    for process in processes:
        process.join()
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="?", type=Path)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--method", default="box")
    parser.add_argument("--weights", default="")
    parser.add_argument("--background", default="tiled")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        photos = given.photos or sample_photos(folder / "photos")
        source = spread(photos, folder / "source", given.images)
        values = {
            "dataset": "folder",
            "input": str(source),
            "output": str(folder / "shards"),
            "method": given.method,
        }
        values |= {"weights": given.weights, "background": given.background, "workers": given.workers}
        config = resolved(make_config({**values, "shard_size": 500}), METHODS[given.method].threshold)
        members = ("jpg", "mask.png", "bg.jpg", "json", "sat", "fg", "meta")
        members = tuple(ext for ext in members if given.background != "none" or ext != "bg.jpg")
        rates = measure_parts(config, members, given.workers)
        outcome = run(config)
    rates["end to end"] = outcome.progress.rate
    slowest = min(PARTS, key=lambda part: rates[part])
    together = 1 / sum(1 / rates[part] for part in PARTS)
    facts = {
        "images_per_s": {part: round(rate, 1) for part, rate in rates.items()},
        "slowest": slowest,
        "end_to_end_of_slowest": round(rates["end to end"] / rates[slowest], 3),
        "end_to_end_of_all_parts_in_turn": round(rates["end to end"] / together, 3),
        "workers": given.workers,
        "images": outcome.manifest.samples,
    }
    if given.json:
        print(json.dumps(facts))
        return
    for part, rate in rates.items():
        print(f"{part:12} {rate:9.1f} images/s")
    print(f"end to end / slowest part ({slowest}): {facts['end_to_end_of_slowest']}")
    print(
        f"end to end / all parts one after the other on the same cores: {facts['end_to_end_of_all_parts_in_turn']}"
    )


if __name__ == "__main__":
    main()
