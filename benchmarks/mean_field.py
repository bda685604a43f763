"""The batched CRF in torch against pydensecrf2: CPU time per photo in one run, and how far their maps differ.

    python benchmarks/mean_field.py PHOTOS [--images 60] [--device cpu]

pydensecrf2 (pip install pydensecrf2; it needs a compiler) is left out where it is absent. Maps are `mr`'s,
hardened.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from maskgen.methods.network import resize_antialias
from maskgen.methods.priors.mr import mr
from maskgen.methods.refine.crf import mean_field
from maskgen.methods.refine.mean_field import DEEPUSPS, MeanField

SIDES_PX = (96, 128, 200)
BATCH = 12
LEAST = 1e-3


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def pydensecrf(photo: NDArray[np.uint8], guess: NDArray[np.float32]) -> NDArray[np.float32]:
    densecrf: Any = importlib.import_module("pydensecrf.densecrf")
    side = len(guess)
    crf = densecrf.DenseCRF2D(side, side, 2)
    crf.setUnaryEnergy(np.ascontiguousarray(-np.log(np.stack([1 - guess, guess])).reshape(2, -1)))
    crf.addPairwiseGaussian(sxy=DEEPUSPS.place_sigma * side, compat=DEEPUSPS.place_weight)
    crf.addPairwiseBilateral(
        sxy=DEEPUSPS.appearance_sigma * side,
        srgb=DEEPUSPS.color_sigma,
        rgbim=photo,
        compat=DEEPUSPS.appearance_weight,
    )
    return np.array(crf.inference(DEEPUSPS.iterations), np.float32)[1].reshape(side, side)


def lattice_in_numpy(photo: NDArray[np.uint8], guess: NDArray[np.float32]) -> NDArray[np.float32]:
    odds = np.log(guess / (1 - guess))
    return np.asarray(1 / (1 + np.exp(-odds - mean_field(odds, photo, DEEPUSPS))), np.float32)


def one_by_one(crf: Callable[..., NDArray[np.float32]]) -> Callable[..., NDArray[np.float32]]:
    return lambda photos, maps: np.stack([crf(*pair) for pair in zip(photos, maps, strict=True)])


def measure(side: int, photos: NDArray[np.uint8], maps: NDArray[np.float32], device: str) -> None:
    crfs = {"torch": MeanField(side, device=device, batch=BATCH), "numpy": one_by_one(lattice_in_numpy)}
    if importlib.util.find_spec("pydensecrf"):
        crfs["pydensecrf2"] = one_by_one(pydensecrf)
    clock = time.process_time if device == "cpu" else time.perf_counter
    seconds = dict.fromkeys(crfs, 0.0)
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in crfs}
    crfs["torch"](photos[:2], maps[:2])  # its first call loads kernels
    for start in range(0, len(photos), BATCH):  # in turns, so that other jobs on the machine hit all alike
        for name, crf in crfs.items():
            begun = clock()
            found[name].append(crf(photos[start : start + BATCH], maps[start : start + BATCH]))
            seconds[name] += clock() - begun
    reference = np.concatenate(found["pydensecrf2" if "pydensecrf2" in crfs else "numpy"])
    for name in crfs:
        refined = np.concatenate(found[name])
        same = ((refined > 0.5) == (reference > 0.5)).mean()
        print(
            f"{side:4} px  {name:12} {1000 * seconds[name] / len(photos):7.1f} ms per photo   "
            f"mean difference {np.abs(refined - reference).mean():.5f}   same side of .5: {same:.5f}"
        )


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    files = [
        file for file in sorted(options.photos.iterdir()) if file.suffix.lower() in (".jpg", ".jpeg", ".png")
    ]
    images = [np.array(Image.open(file).convert("RGB")) for file in files[: options.images]]
    masks = [np.clip(2 * mr(image) - 0.1, LEAST, 1 - LEAST).astype(np.float32) for image in images]
    for side in SIDES_PX:
        photos = np.stack([resize_antialias(image, side) for image in images])
        maps = np.stack([cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA) for mask in masks])
        measure(side, photos, maps.clip(LEAST, 1 - LEAST).astype(np.float32), options.device)


if __name__ == "__main__":
    main()
