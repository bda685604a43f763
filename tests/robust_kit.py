"""Small copies of the public sets in their real layouts, and a head that answers them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from maskgen.trainers.evaluations.robust.classes import imagenet_wnids
from maskgen.trainers.heads.head import Head, linear_layer, save_head

WNIDS = tuple(imagenet_wnids()[number] for number in (2, 10, 153, 404))
"""Great white shark, brambling, Maltese dog, airliner."""
FEATURES = 64


def write_picture(path: Path, seed: int, side: int = 40) -> None:
    """Noise of one color, other for each seed."""
    rng = np.random.default_rng(seed)
    color = rng.integers(40, 216, 3)
    noise = rng.integers(-40, 40, (side, side + seed % 7, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    data = cv2.imencode(path.suffix.lower().replace("jpeg", "jpg"), (color + noise).astype(np.uint8))[1]
    path.write_bytes(data.tobytes())


def write_classes(folder: Path, names: Sequence[str] = WNIDS, each: int = 2, ending: str = ".JPEG") -> Path:
    """A folder a class, as most sets are laid out."""
    for place, name in enumerate(names):
        for number in range(each):
            write_picture(folder / name / f"{name}_{number}{ending}", 10 * place + number)
    return folder


def write_validation(folder: Path, count: int = 8) -> Path:
    """Flat validation photos with Kaggle's table; the classes go round."""
    lines = ["ImageId,PredictionString"]
    for number in range(1, count + 1):
        name = f"ILSVRC2012_val_{number:08d}"
        write_picture(folder / "val" / f"{name}.JPEG", number)
        lines.append(f"{name},{WNIDS[number % len(WNIDS)]} 1 2 30 40 ")
    (folder / "LOC_val_solution.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_head(path: Path, classes: int = 1000, names: Sequence[str] = ()) -> Path:
    """A random head for the features of `tiny`."""
    generator = torch.Generator().manual_seed(classes)
    weight = torch.randn(classes, FEATURES, generator=generator)
    save_head(path, Head(linear_layer(weight, torch.zeros(classes)), names=dict(enumerate(names))))
    return path


IN9_FOLDERS = ("00_dog", "01_bird", "02_wheeled vehicle")
VARIANTS = (
    *("original", "only_fg", "mixed_same", "mixed_rand", "mixed_next"),
    *("no_fg", "only_bg_b", "only_bg_t"),
)


def write_in9(folder: Path, each: int = 2, names: Sequence[str] = IN9_FOLDERS) -> Path:
    """ImageNet-9 with masks whose left half is foreground; 32 px pictures."""
    for variant, name in enumerate(VARIANTS):
        for place, label in enumerate(names):
            for number in range(each):
                path = folder / name / "val" / label / f"{label[:2]}_{number}.png"
                seed = 7 * (1000 * variant + 10 * place + number)  # a multiple of 7: square pictures
                write_picture(path, seed, side=32)
    mask = np.zeros((32, 32), np.uint8)
    mask[:, :16] = 1
    for label in names:
        (folder / "fg_mask" / "val" / label).mkdir(parents=True)
        for number in range(each):
            np.save(folder / "fg_mask" / "val" / label / f"{label[:2]}_{number}.npy", mask)
    return folder


def write_objectnet(folder: Path) -> Path:
    """Three kinds of ObjectNet, of which ImageNet has two, with a red frame around each picture."""
    things = {"Alarm clock": "analog clock; digital clock", "Banana": "banana"}
    labels = {"alarm_clock": "Alarm clock", "air_freshener": "Air freshener", "banana": "Banana"}
    lines = ["banana", "analog clock", "something else", "digital clock"]
    order = {"409": 1, "530": 3, "954": 0, "0": 2}
    home = folder / "mappings"
    home.mkdir(parents=True)
    (home / "objectnet_to_imagenet_1k.json").write_text(json.dumps(things))
    (home / "folder_to_objectnet_label.json").write_text(json.dumps(labels))
    (home / "imagenet_to_label_2012_v2").write_text("\n".join(lines) + "\n")
    (home / "pytorch_to_imagenet_2012_id.json").write_text(json.dumps(order))
    for place, name in enumerate(labels):
        for number in range(2):
            path = folder / "images" / name / f"{number}.png"
            write_picture(path, 10 * place + number)
            picture = cv2.imread(str(path))
            framed = cv2.copyMakeBorder(picture, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(0, 0, 255))
            cv2.imwrite(str(path), framed)
    return folder
