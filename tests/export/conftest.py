"""Shards to export: photos of smooth colors in two classes, with soft masks and backgrounds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from command_kit import run_main

from maskgen.export import Settings, export_masks
from maskgen.loaders import Dataset, open_dataset

NAMES = ("cats/a", "cats/b", "cats/deep/c", "dogs/a", "dogs/b")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos`, and their `shards` of two samples each; not to be changed."""
    folder = tmp_path_factory.mktemp("export")
    rng = np.random.default_rng(0)
    for number, name in enumerate(NAMES):
        file = folder / "photos" / f"{name}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 255, (4, 4, 3)).astype(np.uint8)
        photo = cv2.resize(coarse, (70 + number, 50), interpolation=cv2.INTER_CUBIC)
        cv2.rectangle(photo, (20, 12), (45, 40), (10, 10, 240), -1)
        cv2.imwrite(str(file), photo, [cv2.IMWRITE_JPEG_QUALITY, 95])
    for layout, name in (("full", "shards"), ("sidecar", "sidecar")):
        place = ["--input", folder / "photos", "--output", folder / name, "--layout", layout]
        how = ["--labels", "folder", "--method", "mr", "--shard-size", "2", "--workers", "1"]
        assert run_main("run", "--dataset", "folder", *place, *how) == 0
    return folder


@pytest.fixture(scope="session")
def dataset(made: Path) -> Dataset:
    """Those shards, open."""
    return open_dataset(made / "shards")


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy of the shards, to be damaged."""
    return Path(shutil.copytree(made / "shards", tmp_path / "copy"))


@pytest.fixture
def export(dataset: Dataset, tmp_path: Path) -> Callable[..., tuple[Path, dict[str, Any]]]:
    """Exports the shards; returns the folder, and what its report says."""

    def export(to: str, name: str = "out", **settings: Any) -> tuple[Path, dict[str, Any]]:
        output = tmp_path / name
        return output, export_masks(dataset, output, Settings(to=to, **settings), threads=2)

    return export
