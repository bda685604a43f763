"""Maps and truths that the tests and the reference script both make, bit for bit, whatever numpy's
version.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

LEVELS = (0, 1, 64, 100, 128, 200, 255)
SCALARS = ("adaptive_f", "weighted_f", "mae", "s_measure", "e_measure", "adaptive_e")
Case = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def noise(seed: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Levels 0..255 from a mixing of integers."""
    mixed = np.arange(shape[0] * shape[1], dtype=np.uint64) + np.uint64(seed * 1_000_003 + 1)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return (mixed >> np.uint64(40)).astype(np.uint8).reshape(shape)


def made(number: int) -> Case:
    """A random case: noise, a blob, binary, constant or black maps; random, blob, almost empty and full
    truths.
    """
    height, width = 3 + number * 7 % 38, 4 + number * 11 % 41
    rows, columns = np.mgrid[:height, :width]
    disc = (rows - height // 2) ** 2 + (columns - width // 3) ** 2 < (min(height, width) // 2) ** 2 + 1
    levels = noise(number, (height, width))
    maps = (
        levels,
        levels // 4 + 100 * disc.astype(np.uint8),
        np.where(levels > 90, 255, 0),
        levels * 0 + number,
        levels * 0,
        levels // 3 + 20,
    )
    one = np.zeros((height, width), bool)
    one[height // 2, width // 2] = True
    truths = (disc, noise(number + 999, (height, width)) > 128, one, ~one, one | True)
    return maps[number % 6].astype(np.uint8), truths[number % 5]


def groups(data: Path | None) -> dict[str, list[Case]]:
    """The cases by group; the real ones only where `data` is."""
    found = {"made": [made(number) for number in range(60)]}
    if data:
        names = [(n, kind) for n in range(1, 9) for kind in ("wCtr_Optimized", "MR_stage2", "GS")]
        found["pascal"] = [
            (
                cv2.imread(str(data / f"rbd108/Res/{n}_{kind}.png"), cv2.IMREAD_GRAYSCALE),
                cv2.imread(str(data / f"rbd108/GT/{n}.png"), cv2.IMREAD_GRAYSCALE) > 128,
            )
            for n, kind in names
        ]
        files = sorted((data / "ecssd/ground_truth_mask").glob("*.png"))[:60:5]
        found["ecssd"] = [ghosts(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)) for file in files]
    return found


def ghosts(truth: NDArray[np.uint8]) -> Case:
    """A real truth, and its copies shifted over each other as the map."""
    copies = sum(np.roll(truth, 9 * k, axis=k % 2).astype(int) * (5 - k) for k in range(5))
    return ((copies + noise(7, truth.shape)) // 17).astype(np.uint8), truth > 128
