"""A small DAVIS in its real layout: a red square and a blue one wander over gray noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.trainers.datasets.index_png import write_indices

FRAMES, HEIGHT, WIDTH = 6, 96, 128


def truth(frame: int) -> NDArray[np.uint8]:
    """(96, 128) numbers: object 1 moves right, object 2 down."""
    numbers = np.zeros((HEIGHT, WIDTH), np.uint8)
    numbers[16:48, 16 + 6 * frame : 48 + 6 * frame] = 1
    numbers[40 + 4 * frame : 64 + 4 * frame, 88:112] = 2
    return numbers


def make_davis(root: Path, clips: tuple[str, ...] = ("one", "two")) -> Path:
    """The folder DAVIS with the clips, of which ``val`` lists the first two."""
    rng = np.random.default_rng(0)
    for clip in clips:
        for frame in range(FRAMES):
            numbers = truth(frame)
            picture = rng.integers(100, 156, (HEIGHT, WIDTH, 3)).astype(np.uint8)
            picture[numbers == 1] = (30, 30, 220)
            picture[numbers == 2] = (220, 60, 30)
            file = root / "JPEGImages" / "480p" / clip / f"{frame:05d}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), picture)
            write_indices(root / "Annotations" / "480p" / clip / f"{frame:05d}.png", numbers)
    lists = root / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("\n".join(clips[:2]) + "\n")
    return root
