"""A small VOC2012 segmentation in its real layout: colored objects, each color one class, on gray."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.trainers.datasets.index_png import write_indices

COLORS = {6: (220, 30, 30), 8: (30, 220, 30), 15: (30, 30, 220)}
"""Bus, cat and person, as blue, green, red."""
SPLITS = {"train": ("2007_000032", "2007_000039", "2007_000063"), "val": ("2007_000033", "2007_000042")}


def truth(number: int) -> NDArray[np.uint8]:
    """(60, 80) classes: one object, its one px wide border void."""
    label = list(COLORS)[number % 3]
    numbers = np.zeros((60, 80), np.uint8)
    numbers[9 + number : 41 + number, 19:61] = 255
    numbers[10 + number : 40 + number, 20:60] = label
    return numbers


def make_voc(folder: Path) -> Path:
    """The folder that the archive unpacks in."""
    root = folder / "VOCdevkit" / "VOC2012"
    for part in ("JPEGImages", "ImageSets/Segmentation", "masks"):
        (root / part).mkdir(parents=True)
    for split, names in SPLITS.items():
        (root / "ImageSets/Segmentation" / f"{split}.txt").write_text("\n".join(names) + "\n")
        for number, name in enumerate(names):
            numbers = truth(number)
            picture = np.full((60, 80, 3), 128, np.uint8)
            for label, color in COLORS.items():
                picture[numbers == label] = color
            cv2.imwrite(str(root / "JPEGImages" / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 98])
            write_indices(root / "SegmentationClass" / f"{name}.png", numbers)
            mask = np.where((numbers > 0) & (numbers < 255), np.uint8(255), np.uint8(0))
            cv2.imwrite(str(root / "masks" / f"{name}.png"), mask)
    return folder
