from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskgen.io.images.encode import resize_mask
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


@pytest.mark.parametrize("level", [1, 17, 76, 128, 129, 254, 255])
def test_a_lean_mask_is_in_few_levels_and_no_cell_changes_sides(level: int) -> None:
    """Each cell is one pixel here: all of it is foreground, or nothing."""
    ramp = np.arange(128 * 128, dtype=np.int64).reshape(128, 128) % 256
    mask = ramp.astype(np.uint8)
    lean = coverage.lean_mask(mask, level)
    assert np.array_equal(lean >= level, mask >= level)
    levels = {0, 255, *(17 * n for n in range(2, 14))}  # sixteenths, without those beside the ends
    assert set(np.unique(lean).tolist()) <= levels
    for value in range(256):
        (found,) = set(lean[mask == value].tolist())
        same_side = [one for one in levels if (one >= level) == (value >= level)]
        wanted = value
        if level == 128:  # a third of the way to the share that is foreground
            mixed = round((2 * value + 255 * (value >= level)) / 3)
            wanted = max(mixed, level) if value >= level else min(mixed, level - 1)
        assert abs(found - wanted) == min(abs(one - wanted) for one in same_side)


def test_a_lean_mask_enlarged_is_more_like_the_photos_than_a_small_one_of_as_many_levels() -> None:
    """Of soft disks, whose edges are of many widths."""
    level = 128
    y, x = np.mgrid[:300, :420]
    gains = []
    for number in range(12):
        away = np.hypot(y - 140 + 3 * number, x - 200) - 60 - 3 * number
        mask = np.clip(np.rint(level - 0.5 - away * (6 + 12 * number)), 0, 255).astype(np.uint8)
        small = coverage._rounding(level)[coverage.small_mask(mask)]
        whole = mask >= level
        likeness = []
        for packed in (small, coverage.lean_mask(mask, level)):
            full = resize_mask(packed, whole.shape) >= level
            likeness.append((full & whole).sum() / (full | whole).sum())
        gains.append(likeness[1] - likeness[0])
    assert np.mean(gains) > 0.001
    assert min(gains) > -0.001


def test_what_a_lean_table_leaves_out_is_zero() -> None:
    rng = np.random.default_rng(0)
    for mask in (rng.random((77, 130)) < 0.4, np.zeros((40, 50), bool)):
        table = coverage.summed_area_table(mask)
        whole = np.zeros((33, 33), np.uint16)
        whole[1:, 1:] = coverage.lean_table(table)
        assert np.array_equal(whole, table)
