"""What an SVM sees: pooled maps, whole photos, rows of length 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from maskgen.trainers.evaluations.voc07.features import (
    POOLS,
    Squashed,
    pool_grid,
    pool_windows,
    pooled,
    shorten,
)
from maskgen.trainers.pretrained.encoder import load_encoder

CPU = torch.device("cpu")


def test_the_two_poolings_of_seven_by_seven_are_other_windows() -> None:
    maps = torch.arange(49.0).reshape(1, 1, 7, 7)
    grid, windows = pool_grid(maps)[0, 0], pool_windows(maps)[0, 0]
    assert grid[0, 0] == maps[0, 0, :4, :4].mean()
    assert grid[1, 0] == maps[0, 0, 3:, :4].mean()
    assert windows[0, 0] == maps[0, 0, :6, :6].mean()
    assert windows[0, 1] == maps[0, 0, :6, 1:].mean()


@pytest.mark.slow
def test_a_resnet_50_gives_2048_or_8192_numbers() -> None:
    encoder = load_encoder("random", CPU, "resnet50")
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        found = {pool: pooled(encoder, pool)(images) for pool in POOLS}
    assert {pool: rows.shape[1] for pool, rows in found.items()} == {
        "mean": 2048,
        "grid": 8192,
        "windows": 8192,
    }
    # 64 px leave 2 x 2 places: the grid is the map, and its mean the usual feature.
    torch.testing.assert_close(found["grid"].reshape(1, 2048, 4).mean(2), found["mean"])


def test_squashing_keeps_the_edges_that_the_center_crop_loses() -> None:
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, :10] = 255
    squashed = Squashed(side=40, share=1.0)
    assert squashed.input(image, 0)[:, :4].min() == 255
    plain = super(Squashed, squashed).input(image, 0)
    assert plain.max() == 0


def test_rows_have_length_one_and_zeros_stay(tmp_path: Path) -> None:
    rows = np.array([[3, 4], [0, 0]], np.float32)
    assert shorten(rows, 0.0).tolist() == [[0.6, 0.8], [0, 0]]
    assert shorten(rows, 1.0)[0].tolist() == [0.5, pytest.approx(4 / 6)]
    assert shorten(rows, 1e-5).dtype == np.float64
