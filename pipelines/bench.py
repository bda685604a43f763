"""How fast each part of stage one is on this machine, and which settings follow."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskgen.config.counted import counted
from maskgen.config.run_config import PRECISIONS, RUNTIMES
from maskgen.errors import MaskgenError, UsageError
from maskgen.io.folders import walk_folder
from maskgen.io.storage.location import Location, ObjectLocation
from maskgen.io.storage.nearby import copy_to
from maskgen.methods import MethodOptions, check_precision, load_network, network_input, resolve_network
from maskgen.processes.lifetime import worker_environment
from maskgen.processes.watch import IDLE, Watch
from maskgen.shards.commit import ShardWriter
from maskgen.shards.plan import PlannedImage
from maskgen.shards.sample import SampleId
from maskgen.types import ByteRef

from .resolve import ResolvedConfig
from .shard.stages import Decoded, Masked, Stages

PARTS: tuple[str, ...] = ("decode", "method", "background", "encode", "tar")
MEMBERS = ("jpg", "mask.png", "bg.jpg", "json", "sat", "fg", "meta")
_PHOTOS = 100
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class RuntimeRate:
    """One runtime at one precision.

    Args:
        runtime: its name.
        precision: of its arithmetic.
        rate: photos per second of one core, or of the GPU; 0 when it cannot run.
        iou: mean IoU of its masks with float32's.
        why_not: the reason when it cannot run.
    """

    runtime: str
    precision: str
    rate: float
    iou: float
    why_not: str = ""


def photos_of(folder: Location, near: Path) -> list[Path]:
    """Up to 100 photos of a folder, spread over it.

    Args:
        folder: it, or its address.
        near: a local folder for copies of those in an object store.

    Raises:
        UsageError: there are none.
        EnvironmentFault: the object store cannot be reached or refuses, or the disk is full.
    """
    found = walk_folder(folder) if folder.is_dir() else ()
    names = [entry.name for entry in found if entry.kind == "file"]
    files = sorted(name for name in names if name.lower().endswith(_SUFFIXES))
    if not files:
        raise UsageError("no photo to measure with", where=str(folder), remedy="name a folder of photos")
    places = [folder / name for name in files[:: max(1, len(files) // _PHOTOS)][:_PHOTOS]]
    return [_copied(place, near / f"{number}-{place.name}") for number, place in enumerate(places)]


def _copied(place: Location, path: Path) -> Path:
    if not isinstance(place, ObjectLocation):
        return place
    copy_to(place, path)
    return path


def part_rates(
    config: ResolvedConfig, files: Sequence[Path], workers: int, seconds: float
) -> dict[str, float]:
    """Images per second of each part, `workers` processes running the same part at once.

    Args:
        config: whose method runs in the processes themselves.
        files: photos.
        workers: processes.
        seconds: time for each part.

    Raises:
        MaskgenError: a process could not do its part.
    """
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(workers), context.Queue()
    options = replace(config.options, input=os.path.commonpath([file.parent for file in files]))
    inline = replace(config, model_process=False, options=options)
    with tempfile.TemporaryDirectory() as scratch:
        arguments = (inline, list(files), Path(scratch), seconds, barrier, results)
        processes = [context.Process(target=_time_parts, args=arguments, daemon=True) for _ in range(workers)]
        with worker_environment():
            for process in processes:
                process.start()
        rates = dict.fromkeys(PARTS, 0.0)
        for _ in range(workers * len(PARTS)):
            part, rate = results.get()
            if isinstance(rate, MaskgenError):
                raise rate
            rates[part] += rate
        for process in processes:
            process.join()
    return rates


def _time_parts(
    config: ResolvedConfig, files: list[Path], scratch: Path, seconds: float, barrier: Any, results: Any
) -> None:
    import cv2

    cv2.setNumThreads(1)
    try:
        parts = _parts(config, files, scratch)
    except MaskgenError as error:
        barrier.abort()
        results.put(("", error))
        return
    for name, work in parts.items():
        barrier.wait()
        started, rounds = time.perf_counter(), 0
        while not rounds or time.perf_counter() - started < seconds:
            count = work()
            rounds += count
        results.put((name, rounds / (time.perf_counter() - started)))


def _parts(config: ResolvedConfig, files: list[Path], scratch: Path) -> dict[str, Callable[[], int]]:
    """For each part a function that runs it on some photos and returns their number."""
    members = tuple(ext for ext in MEMBERS if config.options.background != "none" or ext != "bg.jpg")
    stages, watch = Stages(config, members), Watch(list(IDLE))
    root = Path(config.options.input)
    images = [
        PlannedImage(
            SampleId(f"photo-{number}", None, path.name),  # in folders, names repeat
            ByteRef(os.path.relpath(path, root), 0, path.stat().st_size),
        )
        for number, path in enumerate(files)
    ]
    photos = [photo for photo in map(stages.decode, images) if isinstance(photo, Decoded)]
    if not photos:
        raise UsageError(
            "none of the photos can be decoded",
            where=config.options.input,
            remedy="give a folder of JPEG, PNG or WebP photos with --input",
        )
    masked = [one for one in (stages.mask(photo) for photo in photos[:8]) if isinstance(one, Masked)]
    done = [one for one in (stages.finish(one, watch) for one in masked) if isinstance(one, tuple)]
    turn = iter(range(10**9))
    name = f"bench-{os.getpid()}"

    def method() -> int:
        stages.mask(photos[next(turn) % len(photos)])
        return 1

    def tar() -> int:
        with ShardWriter(scratch, name, members, "") as writer:
            for sample, sha256 in done:
                writer.add(sample, None, sha256)
        return len(done)

    fills = [stages.fill(one) for one in masked]
    return {
        "decode": lambda: len([stages.decode(image) for image in images]),
        "method": method,
        "background": lambda: len([stages.fill(one) for one in masked]),
        "encode": lambda: len([stages.encode(*pair) for pair in zip(masked, fills, strict=True)]),
        "tar": tar,
    }


def runtime_rates(config: ResolvedConfig, files: Sequence[Path], seconds: float) -> list[RuntimeRate]:
    """Each runtime and precision of a learned method, one after the other, each in a process with one thread.

    Args:
        config: of a learned method, with its weights.
        files: photos.
        seconds: time for each.
    """
    context = multiprocessing.get_context("spawn")
    name, batch_size, found = config.options.method, config.options.batch_size, []
    for runtime in RUNTIMES[1:]:
        for precision in PRECISIONS[1:]:
            wanted = replace(config.method, runtime=runtime, precision=precision, compile=False)
            try:
                choice = resolve_network(name, wanted)
            except UsageError:
                continue  # no such combination
            except MaskgenError as error:
                found.append(RuntimeRate(runtime, precision, 0.0, 0.0, str(error).splitlines()[0]))
                break  # the runtime is not there at all
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(
                target=_time_runtime,
                args=(name, choice, batch_size, list(files[:16]), seconds, theirs),
                daemon=True,
            )
            with worker_environment():
                process.start()
            theirs.close()
            try:
                rate, iou, why_not = ours.recv()
            except EOFError:
                rate, iou, why_not = 0.0, 0.0, "it crashed"
            process.join()
            found.append(RuntimeRate(runtime, precision, rate, iou, why_not))
    return found


def _time_runtime(
    name: str, options: MethodOptions, batch_size: int, files: list[Path], seconds: float, pipe: Any
) -> None:
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    try:
        net_input = network_input(name, options)
        infer = load_network(name, options)
        size = max(1, batch_size)
        pixels = [np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8) for path in files]
        inputs = [net_input.prepare(image) for image in pixels]
        batches = [np.stack([inputs[(i + k) % len(inputs)] for k in range(size)]) for i in range(len(inputs))]
        infer(batches[0])
        started, rounds = time.perf_counter(), 0
        while not rounds or time.perf_counter() - started < seconds:
            infer(batches[rounds % len(batches)])
            rounds += 1
        rate = rounds * size / (time.perf_counter() - started)
        iou = 1.0 if options.precision == "fp32" else check_precision(name, options).iou_mean
        pipe.send((rate, iou, ""))
    except MaskgenError as error:
        pipe.send((0.0, 0.0, str(error).splitlines()[0]))


def advice(
    config: ResolvedConfig, rates: dict[str, float], runtimes: Sequence[RuntimeRate], workers: int
) -> list[str]:
    """What the figures say about the settings, as sentences."""
    lines = []
    slowest = min(rates, key=lambda part: rates[part])
    whole = 1 / sum(1 / rate for rate in rates.values())
    lines.append(
        f"about {whole:.3g} images/s with {counted(workers, 'worker')}, and {slowest} takes "
        f"{whole / rates[slowest]:.0%} of the time"
    )
    good = [one for one in runtimes if one.rate and one.iou >= 0.99]
    if good:
        best = max(good, key=lambda one: one.rate)
        lines.append(
            f"--runtime {best.runtime} --precision {best.precision} is the fastest that keeps the masks "
            f"(IoU {best.iou:.4f} with fp32): {best.rate:.3g} images/s per core"
        )
    if slowest == "decode" and not config.options.short_side:
        lines.append("--short-side 256 makes smaller shards and faster training; decoding the source stays")
    if config.is_learned and config.options.device == "cpu":
        lines.append("one worker per core, each with one thread, is the fastest on a CPU (the default)")
    return lines
