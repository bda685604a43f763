"""Every mask method on every photo set, on the photos that judge: quality, speed, and sheets for the eye.

    python benchmarks/masks.py [METHOD[:WEIGHTS][,option=value ...] ...] [--half judge|choose] [--limit N]
    python benchmarks/masks.py vote onnx:student.onnx,network=student.toml --sheets build/sheets

Without methods: all that need no weights, and U²-Net-p where its weights lie among the data. Maps are kept in
the work folder, so that one method more costs that method only (`mask_methods.py` has the forms and what to
do when a method's code changes). Settings are chosen on `--half choose` and reported from `--half judge`;
which photo is which is written down in `maskgen/evaluation/halves.py`.

Quality is F of the mean precision-recall curve at its best level, mean absolute error and IoU of the map cut
at .5, each a mean over photos as `maskgen eval` has it. The estimate for all of ECSSD takes the photos at
hand for their kind: 0001-0460 are of the easy kind, 0461-1000 of the hard one, so precision, recall, error
and IoU of the two parts are weighted .46 and .54. Speed is the median CPU time of a photo on one thread, all
methods in turn on each photo, and how often it goes into U²-Net-p's of the same run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

import cv2
import numpy as np
from mask_methods import Candidate, default_arguments, make_maps, maps_folder, read_candidate, u2netp
from photo_sets import LOOKED_AT, MEASURED, TITLES, PhotoSet, open_set

from maskgen.drawing.contact_sheet import Row, gray_picture, overlay, render_sheet
from maskgen.evaluation.evaluate import Evaluation, Settings, evaluate
from maskgen.evaluation.measures import f_score
from maskgen.evaluation.pairs import MaskEntry, Pair
from maskgen.evaluation.reading import Blob, read_photo
from maskgen.evaluation.summary import summarize
from maskgen.io.images.stored import decode_mask
from maskgen.shards.sample import cut_level

HALF_LEVEL = cut_level(0.5)
EASY_SHARE = 0.46
"""Of ECSSD's 1000 photos, those of the easy kind."""

SHEET_ROWS = 20

PUBLISHED = (
    ("RBD", "none", "max F", ".718 / .173", "Borji et al., TIP 2015 (from memory)"),
    ("MR", "none", "max F", ".740 / .189", "Borji et al., TIP 2015 (from memory)"),
    ("MC", "none", "max F", ".742 / .204", "Borji et al., TIP 2015 (from memory)"),
    ("DSR", "none", "max F", ".737 / .173", "Borji et al., TIP 2015 (from memory)"),
    ("DeepUSPS, its network alone", "none", "mean F", ".875 / .064", "table 1 of A2S-v2, CVPR 2023"),
    ("TokenCut + bilateral solver", "none", "max F", ".874 / - / .772", "its README"),
    ("SelfMask", "none", "mean F", ".856 / .058", "table 1 of A2S-v2"),
    ("FOUND + bilateral solver", "none", "own max F", ".935 / - / .813", "table 2 of FOUND, CVPR 2023"),
    ("A2S-v2", "none", "mean F", ".916 / .044", "table 1 of A2S-v2"),
    ("A2S-v3", "none", "mean F", ".923 / .038", "figure of A2S-v3"),
    ("U²-Net-p", "human masks", "max F", ".943 / .041", "README of U-2-Net"),
    ("U²-Net", "human masks", "max F", ".951 / .033", "README of U-2-Net"),
)
"""On all of ECSSD: method, labels of masks, which F, F / MAE / IoU, source. F of different kinds differ."""

Results: TypeAlias = dict[str, dict[str, Evaluation]]
"""By set and by label."""


def score(candidate: Candidate, photos: PhotoSet, work: Path) -> Evaluation:
    """One method on one set, cut at .5 and at the method's own threshold."""
    folder = maps_folder(work, candidate, photos)
    pairs = [
        Pair(name, truth, (MaskEntry((name,), Blob(str(folder / f"{name}.png"))),) * cuts)
        for cuts in (1 if candidate.threshold == 0.5 else 2,)
        for name, truth in photos.truths.items()
    ]
    levels = (HALF_LEVEL, cut_level(candidate.threshold))[: len(pairs[0].entries)]
    return evaluate(pairs, Settings(levels, skip_empty=True))


def cell(max_f: float, mae: float, iou: float) -> str:
    return " / ".join(f"{value:.3f}".lstrip("0") for value in (max_f, mae, iou))


def quality_cell(found: Evaluation) -> str:
    facts = summarize(found)
    return cell(facts["max_f"], facts["mae"], facts["iou"])


def own_cut_cell(candidate: Candidate, found: Evaluation) -> str:
    number = len(found.scores[0].measures) - 1
    return f"{summarize(found, number)['iou']:.3f}".lstrip("0") + f" at {candidate.threshold:.2f}"


def whole_ecssd(easy: Evaluation, hard: Evaluation) -> str:
    """The estimate for all 1000 photos."""
    shares = ((EASY_SHARE, easy), (1 - EASY_SHARE, hard))
    precision, recall = sum(share * found.curves[0, :2] for share, found in shares)
    facts = [(share, summarize(found)) for share, found in shares]
    mae, iou = (sum(share * one[name] for share, one in facts) for name in ("mae", "iou"))
    return cell(float(f_score(precision, recall).max()), mae, iou)


def difference(found: Evaluation, reference: Evaluation) -> str:
    """Mean difference of IoU at the methods' own thresholds, and twice its standard error."""
    apart = np.array(
        [
            one.measures[-1].iou - other.measures[-1].iou
            for one, other in zip(found.scores, reference.scores, strict=True)
        ]
    )
    error = 2 * apart.std(ddof=1) / len(apart) ** 0.5 if len(apart) > 1 else np.nan
    return f"{apart.mean():+.3f} ± {error:.3f}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    columns = list(head)
    print("\n| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def report(candidates: list[Candidate], results: Results, against: str) -> None:
    """All tables of quality."""
    names = [f"{TITLES[name]}, {len(next(iter(found.values())).scores)}" for name, found in results.items()]
    labels = [one.label for one in candidates]
    print("\nmax F / MAE / IoU at .5, and the number of photos")
    table(["", *names], ([label, *(quality_cell(results[s][label]) for s in results)] for label in labels))
    own = [one for one in candidates if one.threshold != 0.5]
    if own:
        print("\nIoU at the method's own threshold")
        table(
            ["", *names],
            ([one.label, *(own_cut_cell(one, results[s][one.label]) for s in results)] for one in own),
        )
    others = [label for label in labels if label != against]
    if others:
        print(f"\nIoU at its own threshold less that of {against}, mean over photos ± two standard errors")
        differences = (
            [label, *(difference(results[s][label], results[s][against]) for s in results)]
            for label in others
        )
        table(["", *names], differences)
    if {"ecssd", "ecssd_hard"} <= results.keys():
        print("\nAll of ECSSD, estimated, beside published figures")
        rows = [
            (label, "", "max F", whole_ecssd(results["ecssd"][label], results["ecssd_hard"][label]), "here")
            for label in labels
        ]
        table(("", "labels", "F is", "F / MAE / IoU", "source"), [*rows, *PUBLISHED])


def time_methods(candidates: list[Candidate], blobs: list[Blob]) -> dict[str, float]:
    """Median CPU milliseconds of a photo by label, every method in turn on each photo."""
    taken: dict[str, list[float]] = {one.label: [] for one in candidates}
    photos = [read_photo(blob) for blob in blobs]
    for one in candidates:
        one.alone(photos[0])  # loads what is loaded once
    for photo in photos:
        for one in candidates:
            start = time.process_time()
            one.alone(photo)
            taken[one.label].append(1e3 * (time.process_time() - start))
    return {label: statistics.median(times) for label, times in taken.items()}


def report_speed(candidates: list[Candidate], sets: list[PhotoSet], count: int, data: Path) -> None:
    blobs = [blob for photos in sets if photos.truths for blob in photos.photos.values()]
    blobs = blobs[:: max(1, len(blobs) // count)][:count]
    units = [read_candidate(text) for text in u2netp(data)]
    timed = {one.key: one for one in (*candidates, *units)}
    milliseconds = time_methods(list(timed.values()), blobs)
    unit = milliseconds[timed[units[0].key].label] if units else None
    print(f"\nCPU time of a photo, one thread, median of {len(blobs)} photos, in turns")
    rows = [
        (label, f"{value:.1f}", f"{unit / value:.2f}" if unit else "-")
        for label, value in milliseconds.items()
    ]
    table(("", "ms", "x U²-Net-p's speed"), rows)


def draw_sheets(candidates: list[Candidate], photos: PhotoSet, work: Path, folder: Path) -> None:
    """Photo, soft map and cut of every method, `SHEET_ROWS` photos a sheet."""
    folder.mkdir(parents=True, exist_ok=True)
    titles = ["photo", *(word for one in candidates for word in (one.label, "cut"))]
    names = list(photos.photos)
    for start in range(0, len(names), SHEET_ROWS):
        rows = []
        for name in names[start : start + SHEET_ROWS]:
            photo = read_photo(photos.photos[name])
            drawn = [photo]
            for one in candidates:
                levels = decode_mask((maps_folder(work, one, photos) / f"{name}.png").read_bytes())
                hard = np.asarray(levels >= cut_level(one.threshold), np.bool_)
                drawn += [gray_picture(levels), overlay(photo, hard)]
            rows.append(Row(name, tuple(drawn)))
        sheet = folder / f"{photos.name}-{start // SHEET_ROWS + 1}.jpg"
        sheet.write_bytes(render_sheet(rows, titles, ".jpg"))
        print(sheet)


def open_sets(given: argparse.Namespace) -> list[PhotoSet]:
    """The sets asked for that are there and have photos of this half."""
    wanted = given.sets or [*MEASURED, *(LOOKED_AT if given.sheets else ())]
    sets = []
    for name in wanted:
        try:
            photos = open_set(name, given.data, given.work, given.half, given.limit)
        except (OSError, ValueError) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        sets += [photos] if photos.photos else []
    if not sets:
        raise SystemExit(f"no photo of this half in {given.data}")
    return sets


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = Path(__file__).resolve().parents[1]
    add = parser.add_argument
    add("methods", nargs="*", help="METHOD[:WEIGHTS][,option=value ...]")
    add("--half", choices=("judge", "choose"), default="judge")
    add("--sets", nargs="+", choices=(*MEASURED, *LOOKED_AT), help="all with truths, and with --sheets all")
    add("--limit", type=int, default=0, metavar="N", help="take N photos of each set, for a quick try")
    add("--data", type=Path, default=root.parent / "shared" / "data", help="the folder of all sets")
    add("--work", type=Path, default=root / "build" / "masks", help="where maps are kept")
    add("--sheets", type=Path, metavar="FOLDER", help="draw contact sheets of the sets without truths there")
    add("--timing", type=int, default=12, metavar="N", help="photos to time every method on; 0: none")
    add("--against", metavar="METHOD", help="a label that differences are taken from (default: the first)")
    return parser.parse_args()


def tell(photos: PhotoSet, done: int) -> None:
    end = "\n" if done == len(photos.photos) else ""
    print(f"\r{photos.name}: photo {done} of {len(photos.photos)}", end=end, file=sys.stderr, flush=True)


def main() -> None:
    given = parse()
    cv2.setNumThreads(1)
    candidates = [read_candidate(text) for text in given.methods or default_arguments(given.data)]
    labels = [one.label for one in candidates]
    if len(set(labels)) < len(labels):
        raise SystemExit(f"two methods have one label: rename the weights of one: {', '.join(labels)}")
    against = given.against or labels[0]
    if against not in labels:
        raise SystemExit(f"--against {against} is none of {', '.join(labels)}")
    sets, results = open_sets(given), Results()
    for photos in sets:
        make_maps(candidates, photos, given.work, tell)
        if photos.truths:
            results[photos.name] = {one.label: score(one, photos, given.work) for one in candidates}
    print(f"Photos that {given.half}")
    if results:
        report(candidates, results, against)
    if given.timing and results:
        report_speed(candidates, sets, given.timing, given.data)
    for photos in sets:
        if given.sheets and not photos.truths:
            draw_sheets(candidates, photos, given.work, given.sheets)


if __name__ == "__main__":
    main()
