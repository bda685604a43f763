"""The command line in this process, and folders that commands have made, for the tests of several folders."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgen.cli.app import main


def run_main(*words: str | Path) -> int:
    """The exit status of `maskgen` with these words behind it."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stop:  # noqa: PT012
        patch.setattr(sys, "argv", ["maskgen", *(str(word) for word in words)])
        main()
    return int(stop.value.code or 0)


def fill_shards(folder: Path, layouts: tuple[str, ...] = ("full", "sidecar")) -> None:
    """Run the photos of `folder`/photos into shards with their photos, `full`, and without, `sidecar`."""
    for layout in layouts:
        place = ["--input", folder / "photos", "--output", folder / layout, "--layout", layout]
        assert run_main("run", "--dataset", "folder", *place, "--method", "box", "--workers", "1") == 0


def draw_smooth_photos(folder: Path) -> None:
    """Write ten photos of smooth colors, each its own, 120 to 200 px a side, into `folder`/photos."""
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(10):
        height, width = (int(v) for v in rng.integers(120, 200, 2))
        coarse = rng.integers(0, 255, (4, 4, 3)).astype(np.uint8)
        photo = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "photos" / f"p{number}.jpg"), photo, [cv2.IMWRITE_JPEG_QUALITY, 97])
