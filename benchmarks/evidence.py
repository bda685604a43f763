"""Background augmentations on this machine: which augmentation, how often, and with which masks.

    python benchmarks/evidence.py --work DIR [--seeds 3] [--arms none,bg-random,...] [--methods box,vote,...]
    python benchmarks/evidence.py --work DIR --photos TINY_IMAGENET     real photos as well
    python benchmarks/evidence.py --work DIR --report                   only what is there already

It makes the data (`evidence_data`), runs experiments/evidence/*.toml with `train-ssl sweep`, all in forks of
this one process, one at a time and with one thread each, and writes the page's table and plots into --out.
DIR keeps everything: the same command goes on where it was cut, also with more arms or seeds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import evidence_data as data
from evidence_forks import forking, run_sweep
from evidence_report import Found, draw_masks, draw_p, mask_iou, read_found, table
from shortcut_photos import PLACES

from maskgen.io.atomic import make_folder, write_atomic
from maskgen.trainers.experiments.read import read_experiment
from maskgen.trainers.experiments.spec import Experiment

FILES = Path(__file__).resolve().parents[1] / "experiments" / "evidence"
METHODS = ("box", "fast", "vote", "u2netp")
REAL_METHODS = ("u2netp", "box")
"""Of the real photos; the first one's masks make their test sets too."""


def main() -> None:
    options = parse()
    size = replace(data.SMALL if options.smoke else data.Size(), place=options.place)
    kinds = [options.only] if options.only else ["shortcut", *(["photos"] if options.photos else [])]
    lines: list[str] = []
    for kind in kinds:
        experiment, work = read_experiment(FILES / f"{kind}.toml"), options.work / kind
        make_folder(work)
        if not options.report:
            places = prepare(options, kind, work, size)
            with forking():
                run_sweep(sweep_words(experiment, work, places, options))
        found = read_found(json.loads((work / "runs" / "report.json").read_text()))
        lines += [f"## {kind}", "", *table(experiment, found, control="none"), ""]
        if kind == "shortcut":
            lines += draw(experiment, found, work, options.out)
    make_folder(options.out)
    write_atomic(options.out / "evidence.md", ("\n".join(lines).rstrip() + "\n").encode())
    print("\n".join(lines))


def prepare(options: argparse.Namespace, kind: str, work: Path, size: data.Size) -> dict[str, Path]:
    """The data of an experiment, or those of an earlier call; by the names of its places."""
    if kind == "shortcut":
        return data.make_shortcut(work, size, options.methods, options.weights)
    first, *others = REAL_METHODS
    methods = [first, *(name for name in others if name in options.methods)]
    return data.make_photos(work, size, options.photos, methods, options.weights)


def sweep_words(
    experiment: Experiment, work: Path, places: dict[str, Path], options: argparse.Namespace
) -> list[str]:
    """What stands behind `train-ssl sweep`; arms whose masks were not made are left out.

    A sweep asks for all places of its trainings: those that were not made are named, and no arm reads them.
    """
    known = {name: places.get(name, work / "absent") for name in experiment.data}
    absent = {f"{{{name}}}" for name in experiment.data if name not in places}
    wanted = options.arms or [arm.name for arm in experiment.arms]
    arms = [
        arm.name
        for arm in experiment.arms
        if arm.name in wanted and arm.options.get("data", "") not in absent
    ]
    words = [str(experiment.path), "--output", str(work / "runs"), "--arms", ",".join(arms)]
    for name, place in known.items():
        words += ["--data", f"{name}={place}"]
    words += ["--seeds", str(options.seeds)] if options.seeds else []
    return [*words, *(["--smoke"] if options.smoke else [])]


def draw(experiment: Experiment, found: Found, work: Path, out: Path) -> list[str]:
    """The plots, and lines that say how good each arm's masks are."""
    quality = json.loads((work / data.QUALITY).read_text())
    truth = data.read_masks(work / "photos" / "train" / "truth", 200)
    ious = {
        arm.name: value
        for arm in experiment.arms
        if arm.name in found and (value := mask_iou(arm, quality, truth)) is not None
    }
    make_folder(out)
    for name, drawn in (("p.svg", draw_p(found)), ("masks.svg", draw_masks(found, ious))):
        if drawn:
            write_atomic(out / name, drawn.encode())
    return [f"- IoU of the masks of `{name}`: {value:.3f}" for name, value in ious.items()] + [""]


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="keeps photos, shards, runs and results")
    parser.add_argument("--out", type=Path, help="of the table and plots  [default: WORK/out]")
    parser.add_argument("--seeds", type=int, default=0, help="how many  [default: those of the files]")
    parser.add_argument("--arms", type=names, default=[], help="only these")
    parser.add_argument("--methods", type=names, default=list(METHODS), help="of masks, beside the true ones")
    parser.add_argument("--weights", type=Path, help="of U²-Net-p  [default: they are fetched]")
    parser.add_argument("--photos", type=Path, help="Tiny ImageNet's folder: real photos as well")
    parser.add_argument(
        "--place", choices=sorted(PLACES), default="anywhere", help="where synthetic objects lie"
    )
    parser.add_argument("--only", choices=("shortcut", "photos"), help="one of the two experiments")
    parser.add_argument("--report", action="store_true", help="only report what is there")
    parser.add_argument("--smoke", action="store_true", help="a few photos and steps: shows that it runs")
    options = parser.parse_args(words)
    options.work = options.work.absolute()
    if options.only == "photos" and not (options.photos or options.report):
        parser.error("--only photos needs --photos")
    options.out = options.out or options.work / "out"
    return options


def names(text: str) -> list[str]:
    """The parts of a text with commas."""
    return [part for part in text.split(",") if part]


if __name__ == "__main__":
    main()
