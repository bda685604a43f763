"""Masks, truths and annotations in files, for the tests of evaluation."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.evaluation import pairs
from maskgen.evaluation.reading import Blob

SIZE = (24, 32)


class Deadly(Blob):
    """A picture that kills the process which reads it, as the kernel does when memory is short."""

    def read(self) -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return b""


def write(folder: Path, **levels: NDArray[np.uint8]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, grid in levels.items():
        assert cv2.imwrite(str(folder / f"{name}.png"), grid)
    return folder


def grid(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


def half(size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    levels = np.zeros(size, np.uint8)
    levels[:, size[1] // 2 :] = 255
    return levels


def paired(masks: Path, truth: Path) -> pairs.Pairing:
    return pairs.pair(pairs.open_truths(truth), [pairs.open_masks(masks)])


def coco(path: Path, annotations: list[dict[str, object]], **changes: object) -> Path:
    images = [{"id": 7, "file_name": "set/photo.jpg", "height": 20, "width": 30}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, **changes}))
    return path


def box(x0: int, y0: int, x1: int, y1: int, *, crowd: int = 0) -> dict[str, object]:
    if not crowd:
        outline = [[x0, y0, x1, y0, x1, y1, x0, y1]]
        return {"image_id": 7, "iscrowd": 0, "segmentation": outline}
    drawn = np.zeros((20, 30), np.uint8)
    drawn[y0:y1, x0:x1] = 1
    runs, value, flat = [0], 0, drawn.T.ravel()
    for pixel in flat:
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return {"image_id": 7, "iscrowd": 1, "segmentation": {"size": [20, 30], "counts": runs}}
