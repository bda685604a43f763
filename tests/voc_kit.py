"""A small PASCAL VOC in the real format: red balls and blue boxes, some of them marked difficult."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

COLORS = {"ball": (220, 40, 30), "box": (30, 60, 220)}
"""RGB."""


def write_voc(root: Path, splits: dict[str, int], *, lists: bool = True, seed: int = 0) -> Path:
    """VOC2007 below `root` with so many photos of 48 px in each split, and each class's lists if asked for.

    Every photo has a ball, a box or both by its number; every seventh object is difficult.
    """
    voc, rng, number = root / "VOC2007", np.random.default_rng(seed), 0
    for folder in ("ImageSets/Main", "JPEGImages", "Annotations"):
        (voc / folder).mkdir(parents=True, exist_ok=True)
    for split, count in splits.items():
        values: dict[str, list[str]] = {name: [] for name in COLORS}
        names = []
        for _ in range(count):
            name = f"{number + 1:06d}"
            objects = [("ball", "box"), ("ball",), ("box",)][number % 3]
            marks = {one: (7 * number + len(one)) % 7 == number % 7 for one in objects}
            photo = rng.integers(0, 60, (48, 48, 3), np.uint8)
            for one in objects:
                y, x = (int(v) for v in rng.integers(0, 28, 2))
                photo[y : y + 20, x : x + 20] = COLORS[one]
            encoded = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
            (voc / "JPEGImages" / f"{name}.jpg").write_bytes(encoded.tobytes())
            (voc / "Annotations" / f"{name}.xml").write_text(_annotation(name, marks))
            for one in COLORS:
                value = -1 if one not in marks else 0 if marks[one] else 1
                values[one].append(f"{name} {value:2d}")
            names.append(name)
            number += 1
        main = voc / "ImageSets" / "Main"
        (main / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for one, lines in values.items():
            if lists:
                (main / f"{one}_{split}.txt").write_text("\n".join(lines) + "\n")
    return voc


def _annotation(name: str, marks: dict[str, bool]) -> str:
    objects = "".join(
        f"<object><name>{one}</name><part><name>inner</name><difficult>1</difficult></part>"
        f"<truncated>0</truncated><difficult>{int(mark)}</difficult>"
        "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
        for one, mark in marks.items()
    )
    head = f"<filename>{name}.jpg</filename>\n<owner><name>someone</name></owner>"
    return f"<annotation>\n{head}{objects}</annotation>\n"
