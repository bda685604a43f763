"""Time the training-free methods against scikit-image's SLIC, interleaved in one process on one thread.

Run as `python benchmarks/priors.py [PHOTO ...] [--json]`; without photos a drawn scene of 400 x 300 px is
used.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from maskgen.methods.priors.dsr import dsr, dsr_map
from maskgen.methods.priors.mc import mc, mc_map
from maskgen.methods.priors.mr import mr, mr_map
from maskgen.methods.priors.rbd import rbd, rbd_map
from maskgen.methods.priors.scene import prepare, restore
from maskgen.methods.superpixels.slic import segment
from maskgen.types import RGB

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
REFERENCE = "scikit-image slic"


def scikit_image_slic(image: RGB) -> object:
    """The unit of the ratios: 200 superpixels, ten iterations."""
    from skimage.segmentation import slic

    return slic(image, n_segments=200, compactness=20, max_num_iter=10, start_label=0)


def all_four(image: RGB) -> object:
    """The four methods on one photo, with shared segmentations."""
    scene = prepare(image)
    return [restore(scene, saliency(scene)) for saliency in (rbd_map, mr_map, mc_map, dsr_map)]


SUBJECTS: dict[str, Callable[[RGB], object]] = {
    REFERENCE: scikit_image_slic,
    "slic, 250 superpixels": lambda image: segment(image, 250),
    "rbd": rbd,
    "mr": mr,
    "mc": mc,
    "dsr": dsr,
    "all four": all_four,
}


def drawn_scene() -> RGB:
    """Soft blotches with a disc and noise, (300, 400, 3) uint8."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 200, (6, 8, 3)).astype(np.uint8)
    image = cv2.resize(coarse, (400, 300), interpolation=cv2.INTER_CUBIC)
    cv2.circle(image, (220, 140), 60, (210, 60, 40), -1)
    noisy = image + rng.normal(0, 6, image.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def load(path: Path) -> RGB:
    """A photo at 400 x 300 px."""
    photo = cv2.imread(str(path))
    if photo is None:
        raise SystemExit(f"{path} is not an image that OpenCV can read")
    resized = cv2.resize(photo, (400, 300), interpolation=cv2.INTER_AREA)
    image: RGB = np.ascontiguousarray(resized[..., ::-1].astype(np.uint8))
    return image


def measure(images: list[RGB], rounds: int) -> dict[str, float]:
    """Median milliseconds of every subject over `rounds` passes, each pass running them all in turn."""
    taken: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
    for number in range(rounds + 1):
        for subject, work in SUBJECTS.items():
            image = images[number % len(images)]
            start = time.perf_counter()
            work(image)
            if number:  # the first pass loads libraries
                taken[subject].append(1e3 * (time.perf_counter() - start))
    return {subject: statistics.median(times) for subject, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not os.environ.items() >= ONE_THREAD.items():  # numpy reads them when it is loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)
    cv2.setNumThreads(1)
    milliseconds = measure([load(path) for path in options.photos] or [drawn_scene()], options.rounds)
    ratios = {subject: value / milliseconds[REFERENCE] for subject, value in milliseconds.items()}
    if options.json:
        print(json.dumps({"milliseconds": milliseconds, "ratio": ratios}, indent=2))
        return
    for subject, value in milliseconds.items():
        print(f"{subject:24}{value:8.1f} ms{ratios[subject]:8.2f} x")


if __name__ == "__main__":
    main()
