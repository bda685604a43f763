"""A small source folder for the fault tests; imported by tests and by the scripts they start."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np

BROKEN = {"b02": b"", "b05": b"<html>not an image</html>", "b11": None}


def make_photos(folder: Path, count: int = 24) -> Path:
    """`count` textured JPEGs with a bright disc, 64 to 96 px, and three broken files among them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        rng = np.random.default_rng(number)
        height, width = rng.integers(64, 97, 2)
        photo = rng.integers(40, 90, (height, width, 3)).astype(np.uint8)
        cv2.circle(photo, (int(width) // 2, int(height) // 3), 14, (30, 200, 240), -1)
        data = cv2.imencode(".jpg", photo)[1].tobytes()
        name = f"a{number:02d}"
        (folder / f"{name}.jpg").write_bytes(data)
        if f"b{number:02d}" in BROKEN:
            broken = BROKEN[f"b{number:02d}"]
            (folder / f"b{number:02d}.jpg").write_bytes(data[: len(data) // 2] if broken is None else broken)
    return folder


def hashes(output: Path) -> dict[str, str]:
    """SHA-256 of every file of a data set but the log of times."""
    files = (path for path in sorted(output.rglob("*")) if path.is_file() and path.name != "run.log.jsonl")
    return {str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
