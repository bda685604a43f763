"""Stages whose method kills, starves or hangs its process on chosen images; imported by worker processes."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from maskgen.methods.priors.box import box
from maskgen.pipelines.resolve import ResolvedConfig
from maskgen.pipelines.shard.stages import Decoded, Masked, Quarantined, Stages


def hang() -> None:
    while True:
        time.sleep(1)


def spin() -> None:
    """A hang that never gives up the interpreter's lock for long."""
    while True:
        pass


def out_of_memory() -> None:
    """An honest MemoryError: the address space is capped while this image is worked on."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, limits[1]))
    try:
        np.ones(1 << 40, np.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def raise_() -> None:
    raise ValueError("this image is cursed")


POISON: dict[str, Callable[[], None]] = {
    "a03": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "a04": lambda: os.kill(os.getpid(), signal.SIGKILL),  # what the kernel's out-of-memory killer does
    "a09": hang,
    "a13": out_of_memory,
    "a14": raise_,
    "a16": spin,
    "a20": lambda: os._exit(7),
}


class PoisonedStages(Stages):
    """The real stages with the free method, but chosen keys are poison."""

    def mask(self, photo: Decoded | Quarantined) -> Masked | Quarantined:
        with (Path(os.environ["POISON_LOG"])).open("a") as log:
            log.write(f"{photo.sample.key}\n")
        return super().mask(photo)


def make_poisoned(config: ResolvedConfig, members: tuple[str, ...]) -> Stages:
    stages = PoisonedStages(config, members)
    mask = stages.mask

    def poisoned(photo: Decoded | Quarantined) -> Masked | Quarantined:
        if isinstance(photo, Decoded) and photo.sample.key in POISON:
            stages._method = lambda image: (POISON[photo.sample.key](), box(image))[1]
        else:
            stages._method = box
        return mask(photo)

    stages.mask = poisoned  # type: ignore[method-assign]
    return stages


def make_dying(config: ResolvedConfig, members: tuple[str, ...]) -> Stages:
    """A worker that dies before it touches any image."""
    os._exit(9)


def make_failing(config: ResolvedConfig, members: tuple[str, ...]) -> Stages:
    """A method that fails on every image."""

    def method(image: object) -> object:
        raise RuntimeError("no kernel image is available")

    return Stages(config, members, method)  # type: ignore[arg-type]
