from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskgen.shards import coverage
from maskgen.types import Box


def exact_share(mask: np.ndarray, y: float, x: float) -> float:
    """Share of the foreground above row y and left of column x, pixel by pixel."""
    rows = np.clip(y - np.arange(mask.shape[0]), 0, 1)
    columns = np.clip(x - np.arange(mask.shape[1]), 0, 1)
    return float((mask * rows[:, None] * columns[None, :]).sum() / mask.sum())


@pytest.mark.slow
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**31))
def test_summed_area_table_is_the_integral(height: int, width: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.3
    table = coverage.summed_area_table(mask)
    assert table.shape == (33, 33)
    if not mask.any():
        assert not table.any()
        return
    for i, j in ((0, 0), (32, 32), (7, 19), (31, 1), (16, 16)):
        want = exact_share(mask, i * height / 32, j * width / 32)
        assert table[i, j] == pytest.approx(want * 65535, abs=0.51)


def test_foreground_box_against_argwhere() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        mask = rng.random((rng.integers(1, 20), rng.integers(1, 20))) < 0.05
        points = np.argwhere(mask)
        want = Box(0, 0, 0, 0) if not len(points) else Box(*points.min(0), *(points.max(0) + 1))
        assert coverage.foreground_box(mask) == want


def test_small_mask_keeps_the_mean() -> None:
    mask = np.random.default_rng(1).integers(0, 256, (256, 384), np.uint8)
    small = coverage.small_mask(mask)
    assert small.shape == (128, 128)
    blocks = mask.reshape(128, 2, 128, 3).mean((1, 3))
    assert np.abs(small - blocks).max() <= 0.51
