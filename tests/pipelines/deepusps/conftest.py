"""Photos small enough to learn from in seconds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight JPEGs of 64 to 96 px with a bright disc on a dark texture, one copy of another, two broken files."""
    folder = tmp_path_factory.mktemp("discs")
    for number in range(8):
        rng = np.random.default_rng(number)
        height, width = (int(side) for side in rng.integers(64, 97, 2))
        photo = rng.integers(40, 90, (height, width, 3)).astype(np.uint8)
        cv2.circle(photo, (width // 2, height // 2), 14 + number, (30, 200, 240), -1)
        (folder / f"a{number}.jpg").write_bytes(cv2.imencode(".jpg", photo)[1].tobytes())
    (folder / "copy.jpg").write_bytes((folder / "a3.jpg").read_bytes())
    (folder / "html.jpg").write_bytes(b"<html>not a photo</html>")
    (folder / "torn.jpg").write_bytes((folder / "a1.jpg").read_bytes()[:700])
    return folder
