"""Small copies of the public sets in their real layouts, and a head that answers them."""

from __future__ import annotations

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
