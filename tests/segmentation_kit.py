"""Small sets with the class of each pixel in their real layouts: each class has a color.

VOC 2012 (colored objects on gray), the Semantic Boundaries Dataset of its photos, and Cityscapes.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def painted(
    numbers: NDArray[np.uint8], colors: Mapping[int, tuple[int, int, int]] = COLORS
) -> NDArray[np.uint8]:
    """(H, W, 3) blue, green, red: each class in its color, all else gray."""
    picture = np.full((*numbers.shape, 3), 128, np.uint8)
    for label, color in colors.items():
        picture[numbers == label] = color
    return picture


def make_voc(folder: Path) -> Path:
    """The folder that the archive unpacks in."""
    root = folder / "VOCdevkit" / "VOC2012"
    for part in ("JPEGImages", "ImageSets/Segmentation", "masks"):
        (root / part).mkdir(parents=True)
    for split, names in SPLITS.items():
        (root / "ImageSets/Segmentation" / f"{split}.txt").write_text("\n".join(names) + "\n")
        for number, name in enumerate(names):
            numbers = truth(number)
            photo = str(root / "JPEGImages" / f"{name}.jpg")
            cv2.imwrite(photo, painted(numbers), [cv2.IMWRITE_JPEG_QUALITY, 98])
            write_indices(root / "SegmentationClass" / f"{name}.png", numbers)
            mask = np.where((numbers > 0) & (numbers < 255), np.uint8(255), np.uint8(0))
            cv2.imwrite(str(root / "masks" / f"{name}.png"), mask)
    return folder


def make_sbd(folder: Path) -> Path:
    """The folder that the archive of the Semantic Boundaries Dataset unpacks in: two photos of train, one of
    val; one of them is in VOC's val. Their classes are those of `truth`, without void.
    """
    from scipy.io import savemat

    root = folder / "benchmark_RELEASE" / "dataset"
    for part in ("cls", "img", "inst"):
        (root / part).mkdir(parents=True)
    names = {"train": (SPLITS["val"][0], "2008_000002"), "val": ("2008_000003",)}
    for split, listed in names.items():
        (root / f"{split}.txt").write_text("".join(f"{name}\n" for name in listed))
        for number, name in enumerate(listed):
            numbers = sbd_truth(number)
            savemat(
                root / "cls" / f"{name}.mat", {"GTcls": {"Segmentation": numbers, "CategoriesPresent": 1}}
            )
            cv2.imwrite(str(root / "img" / f"{name}.jpg"), painted(numbers))
    return folder


def sbd_truth(number: int) -> NDArray[np.uint8]:
    """As `truth`, its border being background."""
    numbers = truth(number)
    numbers[numbers == 255] = 0
    return numbers


def add_photos(folder: Path) -> None:
    """The photos of the SBD, which lie among VOC's."""
    for path in (folder / "benchmark_RELEASE/dataset/img").iterdir():
        target = folder / "VOCdevkit/VOC2012/JPEGImages" / path.name
        if not target.exists():
            target.write_bytes(path.read_bytes())


STREET = {7: (90, 60, 60), 23: (200, 160, 40), 26: (30, 30, 200)}
"""Road, sky and car in labelIds, as blue, green, red."""


def street(number: int) -> NDArray[np.uint8]:
    """(48, 96) numbers of labelIds: sky, road, a car; unjudged: its license plate, and the ego vehicle."""
    numbers = np.full((48, 96), 23, np.uint8)
    numbers[20:] = 7
    numbers[14:34, 20 + 10 * number : 60 + 10 * number] = 26
    numbers[28:32, 36:44] = 255  # a license plate is -1
    numbers[44:] = 1
    return numbers


def make_cityscapes(folder: Path, kind: str = "labelIds") -> Path:
    """leftImg8bit and gtFine of two cities in train and one in val; train IDs are by torchvision's table."""
    from torchvision.datasets import Cityscapes

    table = np.full(256, 255, np.uint8)
    for one in Cityscapes.classes:
        if one.id >= 0 and one.train_id not in (-1, 255):
            table[one.id] = one.train_id
    for number, (split, city) in enumerate((("train", "aachen"), ("train", "ulm"), ("val", "lindau"))):
        name, numbers = f"{city}_000000_00001{number}", street(number)
        for place, ending, data in (
            ("leftImg8bit", "leftImg8bit", painted(numbers, STREET)),
            ("gtFine", f"gtFine_{kind}", numbers if kind == "labelIds" else table[numbers]),
        ):
            (folder / place / split / city).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / place / split / city / f"{name}_{ending}.png"), data)
    return folder
