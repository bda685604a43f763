"""The confidence of masks against their true intersection over union, and the fit of its weights.

    python benchmarks/confidence.py --data DATA --work WORK
    python benchmarks/confidence.py --data DATA --work WORK --fit --limit 60

The first prints, for each method, the rank correlation of `shards.confidence` with the truth on the photos
that judge, and its calibration: the mean estimate and the mean truth of each fifth of the photos. The second
fits the weights on the photos that choose, and prints them as they stand in `shards.confidence`. Maps are
those of ``benchmarks/masks.py``, in the same work folder; those that are missing are made.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from mask_methods import Candidate, make_maps, maps_folder, read_candidate, u2netp
from numpy.typing import NDArray
from photo_sets import MEASURED, PhotoSet, open_set
from scipy.optimize import lsq_linear
from scipy.stats import spearmanr

from maskgen.evaluation.coco import read_instances
from maskgen.evaluation.halves import Half
from maskgen.evaluation.reading import read_truth
from maskgen.shards.confidence import KINDS, OTHERS, Line, Signs, line_of, mask_confidence, mask_signs
from maskgen.shards.coverage import small_mask
from maskgen.shards.sample import cut_level, hard_mask

METHODS = ("u2netp", "fast", "free", "deepusps", "vote", "rbd", "mr", "mc", "dsr")
FITTED_ON = {
    kind: [name for name in METHODS if KINDS.get(name) == kind] for kind in sorted({*KINDS.values()})
}
FITTED_ON[OTHERS] = [*METHODS]
"""By kind of method, those whose maps its weights are fitted on."""

BINS = 5
SHRINKAGE = 0.01


class Judged(NamedTuple):
    """One map: its photo set, method, true intersection over union, small mask and foreground level."""

    photos: str
    method: str
    iou: float
    small: NDArray[np.uint8]
    level: int


def judged(candidates: Sequence[Candidate], photos: PhotoSet, work: Path) -> Iterator[Judged]:
    """Every map of a photo set, against its truth."""
    make_maps(list(candidates), photos, work, lambda *_: None)
    for name, truth in photos.truths.items():
        true, ignored = read_truth(truth)
        for one in candidates:
            levels = cv2.imread(str(maps_folder(work, one, photos) / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
            small, level = small_mask(np.asarray(levels, np.uint8)), cut_level(one.threshold)
            hard = hard_mask(np.asarray(levels, np.uint8), level, (true.shape[0], true.shape[1])) & ~ignored
            iou = np.count_nonzero(hard & true) / max(1, np.count_nonzero(hard | (true & ~ignored)))
            yield Judged(photos.name, one.name, iou, small, level)


def open_dali(data: Path, work: Path) -> PhotoSet:
    """The photos of DALI's COCO sample, with the union of their polygons."""
    photos, truths = (
        open_set("dali_coco", data, work, "judge"),
        read_instances(data / "dali_coco" / "instances.json"),
    )
    known = {name: truths[name] for name in photos.photos if name in truths}
    return replace(photos, photos={name: photos.photos[name] for name in known}, truths=known)


def fit(found: Sequence[Judged], *, binary: bool, softened: bool = False) -> Line:
    """Least squares with a little shrinkage; of binary masks the agreement says nothing.

    Scatter and the sides touched can lower an estimate only.
    """
    known = [
        (signs, one.iou) for one in found if (signs := mask_signs(one.small, one.level, softened=softened))
    ]
    x, y = np.array([signs for signs, _ in known]), np.array([iou for _, iou in known])
    used = np.array([not binary, *[True] * (len(Signs._fields) - 1)])
    scale = x.std(axis=0) + 1e-9
    z = (x - x.mean(axis=0)) / scale * used
    shrinking = np.sqrt(SHRINKAGE * len(z)) * np.eye(z.shape[1])
    wanted = np.concatenate([y - y.mean(), np.zeros(len(shrinking))])
    weights = lsq_linear(np.concatenate([z, shrinking]), wanted, (-np.inf, [np.inf, 0, 0])).x
    agreement, scatter, sides = (weights / scale * used).round(3).tolist()
    base = float(y.mean() - x.mean(axis=0) @ (agreement, scatter, sides))
    return Line(round(base, 3), (agreement, scatter, sides), softened=softened)


def report(found: Sequence[Judged], method: str, title: str, *, binary: bool = False) -> None:
    """Rank correlation and calibration of one method on some photos."""
    rows = [one for one in found if one.method == method]
    if len(rows) < 2 * BINS:
        return
    truth = np.array([one.iou for one in rows])
    guess = np.array([mask_confidence(one.small, one.level, method, binary=binary) for one in rows])
    parts = np.array_split(np.argsort(guess, kind="stable"), BINS)
    curve = ", ".join(f"{guess[part].mean():.2f} {truth[part].mean():.2f}" for part in parts)
    rank = spearmanr(guess, truth).statistic
    error = np.abs(guess - truth).mean()
    print(f"{method:9} {title:24} {len(rows):4} photos, rank {rank:.2f}, error {error:.2f}; {curve}")


def main() -> None:
    """Fit, or judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--binary", action="store_true")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--limit", type=int, default=0, help="photos of each set; 0: all")
    options = parser.parse_args()
    named = [read_candidate(name) for name in (*u2netp(options.data), *METHODS[1:])]
    candidates = [one for one in named if one.name in options.methods]
    half: Half = "choose" if options.fit else "judge"
    sets = [open_set(name, options.data, options.work, half, options.limit) for name in MEASURED]
    found = [one for photos in sets for one in judged(candidates, photos, options.work)]
    if options.fit:
        for kind, methods in FITTED_ON.items():
            if not {*methods} <= {*options.methods}:
                continue
            rows = [one for one in found if one.method in methods]
            for binary in (False, True):
                softened = line_of(methods[0], binary=binary).softened and kind != OTHERS
                line = fit(rows, binary=binary, softened=softened)
                print(kind, "binary" if binary else "soft", len(rows), line)
        return
    few = [one for one in candidates if one.name in METHODS[:5]]  # the others take minutes on these photos
    found += judged(few, open_dali(options.data, options.work), options.work)
    for one in candidates:
        for names in (("ecssd", "ecssd_hard", "pascal_s", "rbd108"), ("coco", "dali_coco")):
            report(
                [row for row in found if row.photos in names],
                one.name,
                "+".join(names)[:24],
                binary=options.binary,
            )


if __name__ == "__main__":
    sys.exit(main())
