"""The parts of gpu.py that make batches: the loaders, their rival, and a training behind them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gpu
import loader
from gpu_parts import Part, without_dali

from maskgen.loaders import DaliLoader, TorchLoader
from maskgen.processes.cores import usable_cores


def dali_loader(part: Part) -> None:
    """Every case of loader.py, and decoding alone."""
    if why := without_dali():
        for name in gpu.CASES:
            part.row(name, note=why)
        return
    setting = _setting(part)
    streams = {
        name: partial(loader.epochs, DaliLoader, setting, recipe) for name, recipe in loader.CASES.items()
    }
    _measure(part, setting, {"decode": partial(loader.decoded_photos, setting), **streams})


def torch_loader(part: Part) -> None:
    """Some of them without DALI."""
    setting = _setting(part)
    cases = {name: loader.CASES[name] for name in gpu.TORCH_CASES}
    _measure(
        part,
        setting,
        {name: partial(loader.epochs, TorchLoader, setting, recipe) for name, recipe in cases.items()},
    )


def _setting(part: Part) -> loader.Setting:
    size = part.size
    return loader.Setting(part.shards(), size.batch, size.batches, usable_cores(), part.device)


def _measure(part: Part, setting: loader.Setting, streams: dict[str, Callable[[], Iterator[Any]]]) -> None:
    """Rounds over all cases; a case's figures are those of all rounds so far."""
    timings: dict[str, list[loader.Timing]] = {name: [] for name in streams}

    def measure(name: str) -> None:
        timings[name].append(loader.timed(streams[name], setting))

    for number in range(part.size.rounds):
        for name in list(streams)[:: -1 if number % 2 else 1]:
            part.attempt(name, partial(measure, name))
        for name, found in timings.items():
            if found:
                part.row(name, *_figures(found, timings["plain"], timings.get("decode", [])))


def _figures(
    found: list[loader.Timing], plain: list[loader.Timing], limit: list[loader.Timing]
) -> tuple[float, str, str]:
    wall, cpu = (statistics.median(getattr(one, field) for one in found) for field in ("wall", "cpu"))
    notes = [f"{cpu:.0f} µs of CPU an image"]
    for word, others in (("plain's time", plain), ("decoding's time", limit)):
        if others:
            ratio = statistics.median(a.wall / b.wall for a, b in zip(found, others, strict=False))
            notes.append(f"{ratio:.2f} x {word}")
    return 1e6 / wall, "images/s", ", ".join(notes)


def rival(part: Part) -> None:
    """What torchvision alone does on the device."""
    from rivals import on_device

    setting = _setting(part)
    kinds = {"decode": "none", "views, each its own draws": "each", "views, one draw a batch": "batch"}

    def measure(case: str, views: str) -> None:
        made = partial(on_device, setting.dataset, batch=setting.batch, device=part.device, views=views)
        timing = loader.timed(made, setting)
        part.row(case, 1e6 / timing.wall, "images/s", f"{timing.cpu:.0f} µs of CPU an image")

    for case, views in kinds.items():
        part.attempt(case, partial(measure, case, views))


def training(part: Part) -> None:
    """A MoCo step on one batch over and over, then behind loaders; the difference is the loader's share."""
    from gpu_training import Steps

    size = part.size
    steps = Steps(part.shards(), size.preset, size.batch, part.device, part.given.work)
    alone: dict[str, float] = {}

    def measure(case: str) -> None:
        kind, name = case.split()
        recipe = {"plain": "mocov2", "swaps": "mocov2-bg-swaps"}[name]
        if kind == "step":
            alone[name] = steps.alone(recipe, size.steps)
            part.row(case, alone[name], "images/s", steps.description)
        elif kind == "dali" and (why := without_dali()):
            part.row(case, note=why)
        else:
            rate, waited = steps.behind(kind, recipe, size.steps)
            share = max(0.0, 1 - rate / alone[name])
            part.row(case, rate, "images/s", f"loader's share {share:.1%}, waited for it {waited:.1%}")

    for case in gpu.STEPS:
        part.attempt(case, partial(measure, case))
