"""How fast the loader is on this machine, recipe by recipe, against the time that decoding alone takes."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from maskgen.errors import UsageError

from ..dali.loader import DaliLoader
from ..pixels.draw_table import all_views
from ..reading.samples import SampleReader
from ..recipes.spec import Recipe
from ..torch.loader import TorchLoader
from .decoding import decoded

if TYPE_CHECKING:
    from ..dataset.open import Dataset

DECODE = ("decode", "dali")
SHORT_SIDE = 256
_ROUNDS = 2
_WARM_UP = 3  # batches
_IDLE_S = 0.1

Case = tuple[str, str]
"""Name of a recipe, or ``decode``; and ``dali`` or ``torch``."""
Batches = Generator[Any, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderSetting:
    """What all cases share.

    Args:
        dataset: with photos.
        batch_size: images per batch.
        threads: CPU threads of a loader.
        device: ``cpu`` or ``cuda``.
    """

    dataset: Dataset
    batch_size: int
    threads: int
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class LoaderRate:
    """How fast one case is.

    Args:
        recipe: its name; ``decode`` for decoding alone.
        loader: ``dali`` or ``torch``.
        images_per_s: by the clock.
        views_per_s: by the clock; negatives count.
        cpu_ms: CPU time of all threads per image, ms.
        of_decode: `images_per_s` as a share of that of decoding alone.
    """

    recipe: str
    loader: str
    images_per_s: float
    views_per_s: float
    cpu_ms: float
    of_decode: float


@dataclass(slots=True)
class _Spent:
    images: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0


def loader_rates(
    setting: LoaderSetting, recipes: Mapping[str, Recipe], seconds: float, *, torch: bool = False
) -> list[LoaderRate]:
    """Every recipe through DALI, with `torch` also through torch, behind decoding alone.

    Each case is measured twice, the second time in the opposite order, so that a machine that slows down slows all.
    Each starts and ends with an idle process: DALI works ahead, and would else work for one case in the next one's time.

    Args:
        setting: what all cases share.
        recipes: by name.
        seconds: time for each case.
        torch: also measure `TorchLoader`, which makes its views on the CPU.

    Raises:
        UsageError: the data set is smaller than a batch, or lacks a member that a recipe needs.
        EnvironmentFault: DALI or torch is not installed, or there is no GPU.
    """
    _check_size(setting)
    cases: dict[Case, Callable[[], Batches]] = {}
    for name, recipe in recipes.items():
        cases[name, "dali"] = lambda recipe=recipe: _epochs(DaliLoader, setting, recipe)  # type: ignore[misc]
        if torch:
            cases[name, "torch"] = lambda recipe=recipe: _epochs(TorchLoader, setting, recipe)  # type: ignore[misc]
    cases[DECODE] = lambda: decoded(setting)  # last in the first round: the loaders name what is missing
    spent = {case: _Spent() for case in cases}
    for number in range(_ROUNDS):
        for case in list(cases)[:: -1 if number % 2 else 1]:
            _measure(cases[case], setting, seconds / _ROUNDS, spent[case])
    counts = {name: len(all_views(recipe)) for name, recipe in recipes.items()}
    return [_rate(case, spent, counts) for case in (DECODE, *(case for case in cases if case != DECODE))]


def _check_size(setting: LoaderSetting) -> None:
    samples = setting.dataset.samples
    if samples < setting.batch_size:
        raise UsageError(
            f"a batch of {setting.batch_size} from {samples} samples",
            where=str(setting.dataset.path),
            remedy="a larger data set",
            arguments=[("batch_size", samples)],
        )


def _rate(case: Case, spent: Mapping[Case, _Spent], views: Mapping[str, int]) -> LoaderRate:
    one, limit = spent[case], spent[DECODE]
    rate = one.images / one.wall_s
    share = rate * limit.wall_s / limit.images
    count = views.get(case[0], 0) if case != DECODE else 0
    return LoaderRate(*case, rate, rate * count, 1000 * one.cpu_s / one.images, share)


def _measure(batches: Callable[[], Batches], setting: LoaderSetting, seconds: float, spent: _Spent) -> None:
    with contextlib.closing(batches()) as stream:
        for _ in range(_WARM_UP):
            _landed(next(stream))
        wall, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() < wall + seconds:
            _landed(next(stream))
            spent.images += setting.batch_size
        spent.wall_s += time.perf_counter() - wall
        spent.cpu_s += time.process_time() - cpu
    gc.collect()
    _until_idle()


def _landed(batch: Any) -> None:
    """Wait until a batch on a GPU is done."""
    if isinstance(batch, dict) and batch["views"][0].is_cuda:
        import torch

        torch.cuda.synchronize()


def _until_idle() -> None:
    for _ in range(100):
        before = time.process_time()
        time.sleep(_IDLE_S)
        if time.process_time() - before < 0.02 * _IDLE_S:
            return


def _epochs(kind: type[DaliLoader | TorchLoader], setting: LoaderSetting, recipe: Recipe) -> Batches:
    """Epochs without end; damaged samples are replaced, as a long training would have it."""
    loader = kind(
        setting.dataset, setting.batch_size, recipe=recipe, seed=0, device=setting.device,
        threads=setting.threads, on_error="skip",
    )  # fmt: skip
    try:
        while True:
            yield from loader
    finally:
        loader.close()


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))


def short_side(dataset: Dataset) -> int:
    """Median of the stored photos' short sides, px, over up to 256 samples."""
    samples = np.unique(np.linspace(0, dataset.samples - 1, min(256, dataset.samples)).astype(np.int64))
    taken = SampleReader(dataset, on_error="skip").take(samples)
    return int(np.median(taken.small.meta["size"].min(axis=1)))


def advice(setting: LoaderSetting, rates: Sequence[LoaderRate], available: int, side: int) -> list[str]:
    """Sentences that follow from the figures.

    Args:
        setting: of the measurement.
        rates: from `loader_rates`, with decoding alone first and one recipe at least.
        available: cores of the machine.
        side: median short side of the stored photos, px.
    """
    decode, ours = rates[0], [rate for rate in rates[1:] if rate.loader == "dali"]
    slowest = max(ours, key=lambda rate: rate.cpu_ms)
    rate = 1000 / slowest.cpu_ms
    said = [
        f"{slowest.recipe}: {slowest.cpu_ms:.2f} ms of a core per image, so that a core feeds {rate:.0f} images/s."
    ]
    busy, most = slowest.images_per_s * slowest.cpu_ms / 1000, min(setting.threads, available)
    if setting.threads < available:
        said.append(f"{setting.threads} of {available} cores were asked for: try --threads {available}.")
    elif busy < 0.7 * most and setting.device == "cpu":
        said.append(
            f"Only {busy:.1f} of {most} cores were busy: other programs take them, or the shards' disk is slow (then "
            "open_dataset(cache=...) with a folder on a local disk)."
        )
    if side > 1.2 * SHORT_SIDE and setting.device == "cpu":
        saved = decode.cpu_ms * (1 - (SHORT_SIDE / side) ** 2)
        left = max(slowest.cpu_ms - saved, 0.1 * slowest.cpu_ms)
        said.append(
            f"The photos' short side is {side} px (median), and decoding takes {decode.cpu_ms:.2f} ms of a core: "
            f"shards made with `maskgen run --short-side {SHORT_SIDE}` would give {slowest.recipe} about "
            f"{slowest.cpu_ms / left:.1f} times the images/s (an estimate from the pixels; small crops lose detail)."
        )
    return said
