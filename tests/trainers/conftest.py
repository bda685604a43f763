"""Batches of noise that have what a preset's views have, and small labeled shards of real photos."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from torch import Tensor

from maskgen.trainers.data.batch import Views
from maskgen.trainers.presets import Preset

MakeViews = Callable[..., Views]


def noise_views(preset: Preset, batch: int = 8, seed: int = 0, classes: int = 5) -> Views:
    """A batch for any method: each view of an image is the image's own noise with a little more."""
    generator = torch.Generator().manual_seed(seed)
    recipe = preset.views

    def picture(size: int) -> Tensor:
        return torch.randn(batch, 3, size, size, generator=generator)

    base = {view.size: picture(view.size) for view in recipe.views}

    def view(size: int) -> Tensor:
        return base[size] + 0.3 * picture(size)

    sides = [view.cam_masks for view in recipe.views]
    cams = tuple(torch.rand(batch, k, k, generator=generator).round() if k else None for k in sides)
    return Views(
        views=tuple(view(v.size) for v in recipe.views),
        cam_masks=cams,
        weak=tuple(view(v.size) if v.weak else None for v in recipe.views),
        masked=tuple(view(v.size) if v.masked else None for v in recipe.views),
        negative=picture(recipe.views[0].size) if recipe.negative else None,
        matched=torch.rand(batch, generator=generator) < 0.5 if recipe.negative else None,
        label=torch.randint(0, classes, (batch,), generator=generator),
    )


@pytest.fixture(scope="session")
def make_views() -> MakeViews:
    return noise_views


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """54 crops of 48 px of three of scikit-image's photos, one folder for each, as labels."""
    folder = tmp_path_factory.mktemp("photos") / "classes"
    rng = np.random.default_rng(0)
    for name in ("astronaut", "cat", "coffee"):
        photo = getattr(skimage.data, name)()
        (folder / name).mkdir(parents=True)
        for number in range(18):
            y, x = rng.integers(0, (photo.shape[0] - 96, photo.shape[1] - 96))
            Image.fromarray(photo[y : y + 96 : 2, x : x + 96 : 2]).save(folder / name / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="session")
def shards(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those photos as labeled shards, made with the command line."""
    output = tmp_path_factory.mktemp("shards") / "shards"
    command = [
        sys.executable,
        "-m",
        "maskgen",
        "run",
        "--dataset",
        "folder",
        "--labels",
        "folder",
        "--method",
        "box",
    ]
    paths = ["--input", str(photo_folder), "--output", str(output), "--workers", "1", "--shard-size", "30"]
    subprocess.run([*command, *paths], check=True, capture_output=True)
    return output
