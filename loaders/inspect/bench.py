"""How fast the loader is on this machine, recipe by recipe, against the time that decoding alone takes."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from ..dali.loader import DaliLoader
from ..recipes.spec import Recipe
from ..torch.loader import TorchLoader
from .decoding import decoded
from .workload import Workload

DECODE = ("decode", "dali")
_ROUNDS = 2
_WARM_UP = 3  # batches
_IDLE_S = 0.1

Case = tuple[str, str]
"""Name of a recipe, or ``decode``; and ``dali`` or ``torch``."""
Batches = Generator[Any, None, None]


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
    workload: Workload, recipes: Mapping[str, Recipe], seconds: float, *, torch: bool = False
) -> list[LoaderRate]:
    """Every recipe through DALI, with `torch` also through torch, behind decoding alone.

    Each case is measured twice, the second time in the opposite order, so that a machine that slows down
    slows all. Each starts and ends with an idle process: DALI works ahead, and would else work for one case
    in the next one's time.

    Args:
        workload: what all cases share.
        recipes: by name.
        seconds: time for each case.
        torch: also measure `TorchLoader`, which makes its views on the CPU.

    Raises:
        UsageError: the data set lacks a member that a recipe needs.
        EnvironmentFault: DALI or torch is not installed, or there is no GPU.
    """
    cases: dict[Case, Callable[[], Batches]] = {}
    for name, recipe in recipes.items():
        cases[name, "dali"] = lambda recipe=recipe: _epochs(DaliLoader, workload, recipe)  # type: ignore[misc]
        if torch:
            cases[name, "torch"] = lambda recipe=recipe: _epochs(TorchLoader, workload, recipe)  # type: ignore[misc]
    cases[DECODE] = lambda: decoded(workload)  # last in the first round: the loaders name what is missing
    spent = {case: _Spent() for case in cases}
    for number in range(_ROUNDS):
        for case in list(cases)[:: -1 if number % 2 else 1]:
            _measure(cases[case], workload, seconds / _ROUNDS, spent[case])
    counts = {name: len(recipe.all_views) for name, recipe in recipes.items()}
    return [_rate(case, spent, counts) for case in (DECODE, *(case for case in cases if case != DECODE))]


def _rate(case: Case, spent: Mapping[Case, _Spent], views: Mapping[str, int]) -> LoaderRate:
    one, limit = spent[case], spent[DECODE]
    rate = one.images / one.wall_s
    share = rate * limit.wall_s / limit.images
    count = views.get(case[0], 0) if case != DECODE else 0
    return LoaderRate(*case, rate, rate * count, 1000 * one.cpu_s / one.images, share)


def _measure(batches: Callable[[], Batches], workload: Workload, seconds: float, spent: _Spent) -> None:
    with contextlib.closing(batches()) as stream:
        for _ in range(_WARM_UP):
            _landed(next(stream))
        wall, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() < wall + seconds:
            _landed(next(stream))
            spent.images += workload.batch_size
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


def _epochs(kind: type[DaliLoader | TorchLoader], workload: Workload, recipe: Recipe) -> Batches:
    """Epochs without end; damaged samples are replaced, as a long training would have it."""
    loader = kind(
        workload.dataset,
        workload.batch_size,
        recipe=recipe,
        seed=0,
        device=workload.device,
        threads=workload.threads,
        on_error="skip",
    )
    try:
        while True:
            yield from loader
    finally:
        loader.close()
