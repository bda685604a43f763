"""Images per second of the loader, each augmentation against the same graph without it, in one run.

    python benchmarks/loader.py SHARDS [--batch 64] [--threads 2] [--batches 8] [--rounds 5] [--device cuda]
                                [--cases decode,plain,...] [--torch] [--rivals] [--operators]

SHARDS is a folder that `maskgen run` wrote, with photos, masks and backgrounds, 1 000 photos or more. Cases
are interleaved, in the opposite order every other round; each starts and ends with an idle process, because
DALI works ahead and would else work for a case in the next one's time. Ratios are medians over the rounds.

decode   photos decoded and nothing else: the limit
plain    MoCo v2, two views, no masks read or used
rm       crops that hold 10 % of the foreground, and grey backgrounds with p = .2 (BG_RM)
random   backgrounds of other photos with p = .2 (BG_Random); /stored: decoded, not tiled anew
swaps    the same, crops with 10 % of the foreground, and a third output, the negative (BG_Swaps)
weak     plain, and the same crops before the photometric chain (MSR)
relic    RELICv2: 4 x 224 and 2 x 96, grey backgrounds with p = .1
exact    plain, with torchvision's own color jitter
multi    constrained multi-crop: 2 x 160 and 4 x 96 that overlap the key (without AutoAugment)
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskgen.loaders import DaliLoader, Dataset, Recipe, TorchLoader, View, open_dataset
from maskgen.loaders.inspect.decoding import decoded
from maskgen.loaders.inspect.workload import Workload
from maskgen.loaders.recipes.published import RECIPES

WARM_UP = 3
IDLE_S = 0.2


def constrained(recipe: Recipe, fg_min: float) -> Recipe:
    """The recipe with crops that hold this share of the foreground."""
    return replace(recipe, views=tuple(_holding(view, fg_min) for view in recipe.views))


def _holding(view: View, fg_min: float) -> View:
    return replace(view, crop=replace(view.crop, fg_min=fg_min, rule=None))


def exactly_jittered(recipe: Recipe) -> Recipe:
    """The recipe with torchvision's color jitter."""
    chains = [replace(view.photometric, jitter_mode="torchvision") for view in recipe.views]
    views = zip(recipe.views, chains, strict=True)
    return replace(recipe, views=tuple(replace(view, photometric=chain) for view, chain in views))


def _without_policies(recipe: Recipe) -> Recipe:
    views = (replace(v, photometric=replace(v.photometric, auto_augment_p=0.0)) for v in recipe.views)
    return replace(recipe, views=tuple(views))


CASES: dict[str, Recipe] = {
    "plain": RECIPES["mocov2"],
    "rm": constrained(RECIPES["mocov2-bg-rm"], 0.1),
    "random": RECIPES["mocov2-bg-random"],
    "swaps": RECIPES["mocov2-bg-swaps"],
    "exact": exactly_jittered(RECIPES["mocov2"]),
    "weak": RECIPES["msr"],
    "relic": RECIPES["relicv2"],
    "multi": _without_policies(RECIPES["knn-moco"]),
}


@dataclass(frozen=True)
class Setting:
    """What all cases of a run share."""

    dataset: Dataset
    batch: int
    batches: int
    threads: int
    device: str


@dataclass(frozen=True)
class Timing:
    """Wall-clock and CPU time per image, microseconds."""

    wall: float
    cpu: float


def decoded_photos(setting: Setting) -> Iterator[Any]:
    """Batches of decoded photos without end."""
    return decoded(
        Workload(
            dataset=setting.dataset,
            batch_size=setting.batch,
            threads=setting.threads,
            device=setting.device,
        )
    )


def epochs(
    kind: type[DaliLoader | TorchLoader], setting: Setting, recipe: Recipe, **options: bool
) -> Iterator[Any]:
    """Epochs without end."""
    loader = kind(
        setting.dataset,
        setting.batch,
        recipe=recipe,
        seed=0,
        device=setting.device,
        threads=setting.threads,
        **options,
    )
    try:
        while True:
            yield from loader
    finally:
        loader.close()


def timed(batches: Callable[[], Iterator[Any]], setting: Setting) -> Timing:
    """Time per image over some batches behind a few that do not count."""
    stream = batches()
    for _ in range(WARM_UP):
        next(stream)
    wall, cpu = time.perf_counter(), cpu_s()
    for _ in range(setting.batches):
        _wait(next(stream))
    images = setting.batches * setting.batch
    timing = Timing((time.perf_counter() - wall) / images * 1e6, (cpu_s() - cpu) / images * 1e6)
    close = getattr(stream, "close", None)
    if close is not None:
        close()
    del stream
    gc.collect()
    _until_idle()
    return timing


def _wait(batch: Any) -> None:
    """Until a batch on a GPU is done."""
    views = batch.get("views") if isinstance(batch, dict) else batch
    if isinstance(views, tuple | list) and getattr(views[0], "is_cuda", False):
        import torch

        torch.cuda.synchronize()


def cpu_s() -> float:
    """CPU seconds of this process and of its running children."""
    ticks = 0
    for child in multiprocessing.active_children():
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _until_idle() -> None:
    for _ in range(50):
        before = cpu_s()
        time.sleep(IDLE_S)
        if cpu_s() - before < 0.02 * IDLE_S:
            return


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shards", type=Path)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--batches", type=int, default=8, help="timed per case and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="DALI's threads, and the rivals' workers")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--cases", default=",".join(("decode", *CASES)))
    parser.add_argument("--torch", action="store_true", help="also TorchLoader")
    parser.add_argument("--operators", action="store_true", help="also DALI's own operators on the CPU")
    parser.add_argument(
        "--rivals", action="store_true", help="also torch DataLoader, torchvision, webdataset"
    )
    options = parser.parse_args()
    setting = Setting(
        open_dataset(options.shards), options.batch, options.batches, options.threads, options.device
    )
    report(measure(streams(setting, options), setting, options.rounds))


def streams(setting: Setting, options: Any) -> dict[str, Callable[[], Iterator[Any]]]:
    """By name, what makes the batches of each case."""
    found: dict[str, Callable[[], Iterator[Any]]] = {}
    for name in options.cases.split(","):
        if name == "decode":
            found[name] = lambda: decoded_photos(setting)
            continue
        recipe = CASES[name]
        found[name] = lambda recipe=recipe: epochs(DaliLoader, setting, recipe)  # type: ignore[misc]
        if name in ("random", "swaps") and options.device == "cpu":
            found[f"{name}/stored"] = lambda recipe=recipe: epochs(DaliLoader, setting, recipe, tile=False)  # type: ignore[misc]
        if options.torch:
            found[f"{name}/torch"] = lambda recipe=recipe: epochs(TorchLoader, setting, recipe)  # type: ignore[misc]
        if options.operators:
            found[f"{name}/operators"] = lambda recipe=recipe: epochs(
                DaliLoader, setting, recipe, operators=True
            )  # type: ignore[misc]
        if options.rivals and name in ("plain", "rm", "swaps"):
            from rivals import loader  # type: ignore[import-not-found]

            for kind in ("PIL", "tensor"):
                found[f"{name}/{kind}"] = lambda name=name, kind=kind: loader(  # type: ignore[misc]
                    setting.dataset, name, kind=kind, batch=setting.batch, workers=setting.threads
                )
    return found


def measure(
    cases: dict[str, Callable[[], Iterator[Any]]], setting: Setting, rounds: int
) -> dict[str, list[Timing]]:
    timings: dict[str, list[Timing]] = {name: [] for name in cases}
    for number in range(rounds):
        for name in list(cases)[:: -1 if number % 2 else 1]:
            timings[name].append(timed(cases[name], setting))
    return timings


def report(timings: dict[str, list[Timing]]) -> None:
    """A table.

    `x plain` is against the plain case made the same way, `of decode` the share of the decoding
    limit, `x ours` against the same case without its suffix. All three are ratios of CPU times.
    """
    print(
        f"{'case':18}{'images/s':>9}{'wall us':>9}{'CPU us':>9}{'x plain':>9}{'of decode':>11}{'x ours':>9}"
    )
    for name, found in timings.items():
        kind = name.partition("/")[2]
        plain = timings.get(f"plain/{kind}", timings.get("plain"))
        limit, ours = timings.get("decode"), timings.get(name.partition("/")[0])
        wall, cpu = (statistics.median(getattr(t, field) for t in found) for field in ("wall", "cpu"))
        print(
            f"{name:18}{1e6 / wall:9.0f}{wall:9.0f}{cpu:9.0f}"
            f"{_ratio(found, plain):>9}{_ratio(limit, found):>11}"
            f"{_ratio(found, ours) if kind else '':>9}"
        )


def _ratio(one: list[Timing] | None, other: list[Timing] | None) -> str:
    """Median over the rounds of the CPU times' ratio."""
    if one is None or other is None:
        return "-"
    return f"{statistics.median(a.cpu / b.cpu for a, b in zip(one, other, strict=True)):.3f}"


if __name__ == "__main__":
    main()
