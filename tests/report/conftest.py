"""Maps of known coverage, in a folder; for shards see the fixture `shards`."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from report_kit import SHARES


def columns(count: int) -> NDArray[np.uint8]:
    levels = np.zeros((24, 32), np.uint8)
    levels[:, :count] = 255
    return levels


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """Five maps named by the share of their foreground."""
    folder = tmp_path / "maps"
    folder.mkdir()
    for name, count in SHARES.items():
        cv2.imwrite(str(folder / f"{name}.png"), columns(count))
    return folder
