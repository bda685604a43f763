"""The training-free methods, their fusion and the refinements, held against true masks.

    python benchmarks/fusion.py PHOTOS MASKS [--every 1]

PHOTOS holds photos, MASKS a PNG of the same stem for each. One line per variant: F of the mean
precision-recall curve at its best threshold, the best mean F per image, MAE, IoU of the mask cut at the
variant's own threshold, and CPU time per photo. Times of maps that variants share are counted in each of
them; the last line says how long scikit-image's SLIC takes here, as a measure of the machine.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import slic

from maskgen.evaluation.measures import f_score, measure
from maskgen.methods import METHODS
from maskgen.methods.priors.dsr import dsr_map
from maskgen.methods.priors.mc import mc_map
from maskgen.methods.priors.mr import mr_map
from maskgen.methods.priors.rbd import rbd_map
from maskgen.methods.priors.scene import Scene, prepare, restore
from maskgen.methods.priors.vote import Thresholds, fuse, hard_vote
from maskgen.methods.refine.crf import DEEPUSPS, refine_crf
from maskgen.methods.refine.registry import REFINEMENTS
from maskgen.types import RGB, HardMask, SoftMask

PRIORS: dict[str, Callable[[Scene], NDArray[np.float64]]] = {
    "rbd": rbd_map,
    "mr": mr_map,
    "mc": mc_map,
    "dsr": dsr_map,
}
FUSIONS: dict[str, Callable[[RGB, NDArray[np.float64]], NDArray[np.float64]]] = {
    "mean of four": lambda _, maps: maps.mean(axis=0),
    "hard vote, data-set means": lambda _, maps: hard_vote(maps, Thresholds()),
    "hard vote, own means": lambda _, maps: hard_vote(maps),
    "vote": fuse,
}
THRESHOLDS = {"mean of four": float(np.mean([METHODS[name].threshold for name in PRIORS]))}


@dataclass
class Total:
    """Sums over photos of one variant."""

    curves: NDArray[np.float64] = field(default_factory=lambda: np.zeros((3, 256)))
    mae: float = 0.0
    iou: float = 0.0
    seconds: float = 0.0

    def add(self, mask: SoftMask, truth: HardMask, threshold: float, seconds: float) -> None:
        """Count one photo."""
        levels = np.rint(255 * mask).astype(np.uint8)
        measures, curves = measure(levels, truth, int(np.ceil(255 * threshold)))
        self.curves += (curves.precision, curves.recall, curves.f)
        self.mae += measures.mae
        self.iou += measures.iou
        self.seconds += seconds

    def line(self, photos: int) -> str:
        """The means over `photos` photos, as columns."""
        precision, recall, f = self.curves / photos
        numbers = (f_score(precision, recall).max(), f.max(), self.mae / photos, self.iou / photos)
        return "  ".join(f"{number:.4f}" for number in numbers) + f"  {1e3 * self.seconds / photos:6.0f}"


def read(path: Path, flags: int) -> NDArray[np.uint8]:
    pixels = cv2.imread(str(path), flags)
    if pixels is None:
        raise SystemExit(f"{path} is no image that OpenCV reads")
    return pixels.astype(np.uint8, copy=False)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return work(), time.process_time() - start


def score(photo: RGB, truth: HardMask, totals: dict[str, Total]) -> None:
    """Every variant on one photo."""
    scene, preparing = timed(lambda: prepare(photo))
    maps, seconds = {}, preparing
    for name, prior in PRIORS.items():
        maps[name], spent = timed(partial(prior, scene))
        seconds += spent
        refinements(name, METHODS[name].threshold, (scene, maps[name], truth), preparing + spent, totals)
    stack = np.stack(list(maps.values()))
    for name, fusion in FUSIONS.items():
        fused, spent = timed(partial(fusion, scene.image, stack))
        refinements(name, THRESHOLDS.get(name, 0.5), (scene, fused, truth), seconds + spent, totals)


def refinements(
    name: str,
    threshold: float,
    made: tuple[Scene, NDArray[np.float64], HardMask],
    seconds: float,
    totals: dict[str, Total],
) -> None:
    """One map without and with each refinement."""
    scene, saliency, truth = made
    mask, spent = timed(lambda: restore(scene, saliency))
    seconds += spent
    totals[name].add(mask, truth, threshold, seconds)
    for kind, refine in REFINEMENTS.items():
        moved, spent = timed(partial(refine, scene.photo, mask, threshold))
        totals[f"{name} + {kind}"].add(moved, truth, threshold, seconds + spent)
    moved, spent = timed(lambda: refine_crf(scene.photo, mask, threshold, DEEPUSPS))
    totals[f"{name} + crf of DeepUSPS"].add(moved, truth, threshold, seconds + spent)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every N-th pair")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    photos = {path.stem: path for path in given.photos.iterdir() if path.suffix.lower() in {".jpg", ".jpeg"}}
    pairs = [(photos[path.stem], path) for path in sorted(given.masks.glob("*.png")) if path.stem in photos]
    pairs = pairs[:: given.every]
    if not pairs:
        raise SystemExit(f"no photo in {given.photos} has a PNG of the same stem in {given.masks}")
    totals: dict[str, Total] = defaultdict(Total)
    segmenting = 0.0
    for photo_path, mask_path in pairs:
        photo, truth = read(photo_path, cv2.IMREAD_COLOR_RGB), read(mask_path, cv2.IMREAD_GRAYSCALE) > 128
        score(photo, truth, totals)
        segmenting += timed(partial(slic, photo, n_segments=200, compactness=20, start_label=0))[1]
    print(f"{'variant':48s}  maxF    per-im  MAE     IoU    ms/photo   ({len(pairs)} photos)")
    for name, total in totals.items():
        print(f"{name:48s}  {total.line(len(pairs))}")
    print(f"SLIC of scikit-image: {1e3 * segmenting / len(pairs):.0f} ms/photo")


if __name__ == "__main__":
    main()
