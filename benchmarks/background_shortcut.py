"""Do the background augmentations keep a network from the backgrounds? MoCo v2 with and without them.

    python benchmarks/background_shortcut.py --work DIR [--arms none,bg-rm,...] [--seeds 0,1,2] [--jobs 2]
    [--method mr] python benchmarks/background_shortcut.py --work DIR --real TINY_IMAGENET
    python benchmarks/background_shortcut.py --work DIR --large --device cuda --jobs 1

The photos are synthetic: in 95 % of them the background gives the class away (`shortcut_photos`).
`maskgen run` makes their shards, a real method their masks; the loader and the trainer are those of
`train-ssl`. A linear classifier and kNN are fitted on the biased training photos and tested on the eight
variants of `maskgen challenge` of new ones, made with their true masks. `--real` takes a folder with
`train/CLASS/...` and `val` (that of Tiny ImageNet) instead, and the masks of stage one.

Each (arm, seed) is a process of its own with one thread, `--jobs` at a time. DIR keeps everything: the same
command goes on where it was cut.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shortcut_data as data
from shortcut_readout import judged, report

from maskgen.config.fingerprint import digest
from maskgen.io.atomic import write_atomic
from maskgen.trainers.presets import Preset, fingerprint, with_overrides

ARMS = {
    "none": "mocov2",
    "bg-rm": "mocov2-bg-rm",
    "bg-random": "mocov2-bg-random",
    "bg-swaps": "mocov2-bg-swaps",
}
"""The loader's recipe of each arm."""
RESULT = "result.json"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large the experiment is; all values are ours.

    Args:
        train: synthetic training photos.
        test: synthetic test photos, each in all variants.
        side: of a synthetic photo, px.
        p: probability of the background augmentation in each view, and that BG_Swaps' negative is matched.
        preset: the trainer's preset but for the arm.
        changes: to it, from ``--set``.
    """

    train: int = 4000
    test: int = 1000
    side: int = 96
    p: float = 0.5
    preset: dict[str, Any] = dataclasses.field(default_factory=dict)
    changes: dict[str, str] = dataclasses.field(default_factory=dict)


_SMALL: dict[str, Any] = {
    "view_px": 48,
    "fg_min": 0.1,
    "backbone": "tiny",
    "head_hidden": 128,
    "head_out": 64,
    "queue": 1024,
    "ema": 0.99,
    "batch_size": 128,
    "lr": 0.12,
    "lr_scaling": "absolute",
    "weight_decay": 5e-4,
    "epochs": 20,
    "warmup_epochs": 1.0,
}
SCALES = {
    "small": Scale(preset=_SMALL),
    "real": Scale(preset=_SMALL | {"queue": 512, "epochs": 30}),
    "large": Scale(
        train=20_000,
        test=4_000,
        side=128,
        preset=_SMALL
        | {
            "view_px": 64,
            "backbone": "resnet18-small",
            "head_hidden": 512,
            "head_out": 128,
            "queue": 8192,
            "batch_size": 512,
            "lr": 0.24,
            "epochs": 60,
            "warmup_epochs": 3.0,
        },
    ),
}
"""The queue holds half of the photos at most, so that it seldom holds the query's own earlier key."""


def preset_of(arm: str, scale: Scale) -> Preset:
    """The trainer's preset of an arm.

    Crops that hold a tenth of the foreground in all arms, so that they differ by it alone.
    """
    values = scale.preset | {"recipe": ARMS[arm]}
    if arm != "none":
        values |= {"background_p": scale.p}
    if arm == "bg-swaps":
        values |= {"negative_p": scale.p}
    return with_overrides(Preset(method="mocov2", source="ours", **values), scale.changes)


def folder_of(work: Path, arm: str, seed: int, scale: Scale) -> Path:
    """Where a cell works; other settings have other folders."""
    return work / "runs" / f"{arm}-{seed}-{fingerprint(preset_of(arm, scale))[:8]}"


def cell(work: Path, arm: str, seed: int, scale: Scale, device: str) -> None:
    """Train and judge one (arm, seed); its numbers go into result.json."""
    import torch

    from maskgen.trainers.run import train
    from maskgen.trainers.settings import Settings

    torch.set_num_threads(1 if device == "cpu" else torch.get_num_threads())
    begun = time.perf_counter()
    folder = folder_of(work, arm, seed, scale)
    settings = Settings(
        data=str(work / "shards"),
        output=folder,
        device=device,
        seed=seed,
        threads=1 if device == "cpu" else 8,
        log_every=1000,
    )
    train(preset_of(arm, scale), settings, say=print, echo=print)
    trained = time.perf_counter()
    found = judged(work, folder, seed, torch.device(device))
    used = resource.getrusage(resource.RUSAGE_SELF)
    record = {
        "arm": arm,
        "seed": seed,
        **found,
        "train_s": trained - begun,
        "judge_s": time.perf_counter() - trained,
        "cpu_s": used.ru_utime + used.ru_stime,
    }
    write_atomic(folder / RESULT, json.dumps(record, indent=1).encode())


def run_cells(options: argparse.Namespace, scale: Scale) -> None:
    """All (arm, seed) without a result, `jobs` processes at a time, seed by seed."""
    missing = [
        (arm, seed)
        for seed in options.seeds
        for arm in options.arms
        if not (folder_of(options.work, arm, seed, scale) / RESULT).exists()
    ]

    def start(one: tuple[str, int]) -> tuple[str, int]:
        arm, seed = one
        command = [sys.executable, __file__, *options.again, "--cell", f"{arm},{seed}"]
        environment = os.environ | (ONE_THREAD if options.device == "cpu" else {})
        log = options.work / "logs" / f"{arm}-{seed}.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("a") as file:
            if subprocess.run(command, env=environment, stdout=file, stderr=file, check=False).returncode:
                raise SystemExit(f"{arm}, seed {seed} failed; see {log}")
        return one

    with ThreadPoolExecutor(options.jobs) as pool:
        for arm, seed in pool.map(start, missing):
            print(f"{arm}, seed {seed}: done", flush=True)


def results(options: argparse.Namespace, scale: Scale) -> dict[str, list[dict[str, Any]]]:
    """The finished cells by arm."""
    found: dict[str, list[dict[str, Any]]] = {}
    for arm in options.arms:
        paths = [folder_of(options.work, arm, seed, scale) / RESULT for seed in options.seeds]
        found[arm] = [json.loads(path.read_text()) for path in paths if path.exists()]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="keeps photos, shards, runs and results")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--method", default="mr", help="that makes the masks")
    parser.add_argument("--p", type=float, default=0.5, help="probability of the augmentation in a view")
    parser.add_argument("--real", type=Path, help="a folder of real photos instead")
    parser.add_argument("--large", action="store_true", help="the size for one GPU")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--images", type=int, default=0, help="synthetic training photos, and a quarter of it to test on"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change the preset")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.again = sys.argv[1:]
    options.arms, options.seeds = options.arms.split(","), [int(seed) for seed in options.seeds.split(",")]
    if unknown := set(options.arms) - set(ARMS):
        parser.error(f"no arm {', '.join(sorted(unknown))}; there are {', '.join(ARMS)}")
    scale = scale_of(options)
    if options.cell:
        arm, seed = options.cell.split(",")
        cell(options.work, arm, int(seed), scale, options.device)
        return
    begun = time.perf_counter()
    prepare(options, scale)
    print(f"data: {time.perf_counter() - begun:.0f} s", flush=True)
    run_cells(options, scale)
    print("\n".join(report(results(options, scale))))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{time.perf_counter() - begun:.0f} s, of CPU "
        f"{used.ru_utime + used.ru_stime + time.process_time():.0f} s"
    )


def scale_of(options: argparse.Namespace) -> Scale:
    """The size that the options ask for."""
    scale = SCALES["large" if options.large else "real" if options.real else "small"]
    if options.images:
        scale = dataclasses.replace(scale, train=options.images, test=options.images // 4)
    changes = dict(text.split("=", 1) for text in options.set)
    return dataclasses.replace(scale, p=options.p, changes=changes)


def prepare(options: argparse.Namespace, scale: Scale) -> None:
    """Photos, shards and test sets, or those of an earlier call."""
    facts = {
        "train": scale.train,
        "test": scale.test,
        "side": scale.side,
        "method": options.method,
        "real": str(options.real),
    }
    mark = options.work / "data.json"
    if not mark.exists():
        maker = data.real if options.real else data.synthetic
        maker(options.work, facts | {"input": options.real})
        write_atomic(mark, json.dumps(facts | {"digest": digest(facts)}).encode())
    elif json.loads(mark.read_text())["digest"] != digest(facts):
        raise SystemExit(f"{options.work} holds other data; choose another --work")


if __name__ == "__main__":
    main()
