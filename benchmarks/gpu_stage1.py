"""The parts of gpu.py that make shards: prepare, the networks, and stage one end to end."""

from __future__ import annotations

import io
import itertools
import sys
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import gpu
import numpy as np
import stage1
from gpu_parts import Part

from maskgen.methods import METHODS, MethodOptions, load_network, network_input
from maskgen.methods.precision_check import overlap, sample_photos
from maskgen.processes.cores import usable_cores
from maskgen.release import PHOTOS

PHOTO_SIZE = (500, 375)
"""Width and height that most of ImageNet's photos have."""
IMAGENET = 1_281_167


def prepare(part: Part) -> None:
    """JPEGs in tars, and shards of them."""
    started, tars = time.perf_counter(), part.work("tars")
    tars.mkdir(exist_ok=True)
    jpegs = [path.read_bytes() for path in _jpegs(part)]
    numbered = list(zip(range(part.size.images), itertools.cycle(jpegs), strict=False))
    for start in range(0, len(numbered), 500):
        with tarfile.open(tars / f"photos-{start // 500:04d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for number, data in numbered[start : start + 500]:
                entry = tarfile.TarInfo(f"{number:06d}.jpg")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    kilobytes = sum(map(len, jpegs)) / len(jpegs) / 1000
    part.row(
        "tars", len(numbered) / (time.perf_counter() - started), "images/s", f"{kilobytes:.0f} kB a photo"
    )
    made = stage1.whole_run([*_run_words(part, "box"), "--output", str(part.work("shards"))])
    part.row("shards", made["images_per_s"], "images/s", f"box, tiled backgrounds, {usable_cores()} workers")


def _jpegs(part: Part) -> list[Path]:
    if part.given.photos:
        found = sorted(part.given.photos.rglob("*.jp*g"))
        return found[: part.size.images] or sys.exit(f"no JPEG in {part.given.photos}")
    folder = part.work("photos")
    folder.mkdir(exist_ok=True)
    for path in sorted(PHOTOS.glob("*/*.jpg")):
        large = cv2.resize(np.asarray(cv2.imread(str(path))), PHOTO_SIZE, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / path.name), large, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return sorted(folder.iterdir())


def _run_words(part: Part, method: str) -> list[str]:
    words = ["--dataset", "webdataset", "--input", str(part.work("tars")), "--method", method]
    return [*words, "--workers", str(usable_cores()), "--shard-size", "250", "--background", "tiled"]


def networks(part: Part, name: str) -> None:
    """One network in each precision, copies to the device and back included."""
    weights, said = _weights(part, name)
    options = MethodOptions(weights=weights, device=part.device, runtime="torch")
    prepare_photo = network_input(name, options).prepare
    inputs = [prepare_photo(photo) for photo in sample_photos()]
    batch = np.stack([inputs[number % len(inputs)] for number in range(part.size.net_batch)])
    threshold = METHODS[name].threshold
    wanted: list[Any] = []

    def measure(variant: str) -> None:
        precision, _, compiled = variant.partition(" ")
        started = time.perf_counter()
        infer = load_network(name, replace(options, precision=precision, compile=bool(compiled)))
        maps = infer(batch)
        ready = time.perf_counter() - started
        wanted.extend([] if wanted else [maps >= threshold])
        scores = [overlap(one, other >= threshold) for one, other in zip(wanted[0], maps, strict=True)]
        note = (
            f"IoU with fp32 {np.mean(scores):.4f}, least {min(scores):.3f}; ready after {ready:.0f} s{said}"
        )
        part.row(variant, _rate(infer, batch, part.size.seconds), "images/s", note)

    for variant in gpu.VARIANTS[part.device]:
        part.attempt(variant, partial(measure, variant))


def _rate(infer: Callable[[Any], Any], batch: Any, seconds: float) -> float:
    started, rounds = time.perf_counter(), 0
    while not rounds or time.perf_counter() - started < seconds:
        infer(batch)
        rounds += 1
    return rounds * len(batch) / (time.perf_counter() - started)


def _weights(part: Part, name: str) -> tuple[str, str]:
    """Path of a network's weights, and what is to be said of them."""
    chosen = dict(one.partition("=")[::2] for one in part.given.weights)
    if name in chosen or METHODS[name].released:
        return chosen.get(name, ""), ""
    import torch

    from maskgen.methods.networks.u2net.layers import U2Net

    torch.manual_seed(0)
    path = part.work(f"{name}.pth")
    torch.save(U2Net(name).state_dict(), path)
    return str(path), "; random weights"


def end_to_end(part: Part) -> None:
    """`maskgen run` from tars to shards with a network, and that network alone in the same part."""
    name, size = "fast", part.size
    options = MethodOptions(device=part.device, runtime="torch")
    inputs = [network_input(name, options).prepare(photo) for photo in sample_photos()]
    batch = np.stack([inputs[number % len(inputs)] for number in range(size.net_batch)])
    infer = load_network(name, options)
    infer(batch)
    alone = _rate(infer, batch, size.seconds)
    part.row(f"{name} network alone", alone, "images/s", f"batches of {size.net_batch}")
    del infer
    words = [*_run_words(part, name), "--device", part.device, "--batch-size", str(size.net_batch)]
    if part.device == "cpu":
        words = [*_run_words(part, name), "--runtime", "torch"]
    done = stage1.whole_run([*words, "--output", str(part.work("masks"))])
    rate, whole = done["images_per_s"], done["samples"] / done["wall_s"]
    part.row(f"{name} end to end", rate, "images/s", f"{rate / alone:.2f} of the network alone")
    minutes = IMAGENET / rate / 60
    part.row(
        f"{name} whole command",
        whole,
        "images/s",
        f"with its start; ImageNet in {minutes:.0f} min end to end",
    )
