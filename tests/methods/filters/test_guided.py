"""The guided filter against a regression in every window, solved by a general routine."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from maskgen.methods.filters.guided import guided_upsample, linear_fit, solve_symmetric


def test_each_window_is_a_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    guide = rng.random((13, 15, 3)).astype(np.float32)
    values = rng.random((13, 15)).astype(np.float32)
    radius, epsilon = 2, 0.01
    slope, offset = np.zeros((13, 15, 3)), np.zeros((13, 15))
    for y, x in itertools.product(range(radius, 13 - radius), range(radius, 15 - radius)):
        window = np.s_[y - radius : y + radius + 1, x - radius : x + radius + 1]
        colors, wanted = guide[window].reshape(-1, 3).astype(float), values[window].ravel().astype(float)
        centered = colors - colors.mean(axis=0)
        penalty = np.sqrt(epsilon * len(colors)) * np.eye(3)
        rows, targets = (
            np.concatenate([centered, penalty]),
            np.concatenate([wanted - wanted.mean(), np.zeros(3)]),
        )
        slope[y, x] = np.linalg.lstsq(rows, targets, rcond=None)[0]
        offset[y, x] = wanted.mean() - slope[y, x] @ colors.mean(axis=0)
    found_slope, found_offset = linear_fit(values, guide, radius, epsilon)
    inner = np.s_[2 * radius : 13 - 2 * radius, 2 * radius : 15 - 2 * radius]
    mean_slope = cv2.boxFilter(slope, -1, (5, 5))[inner]
    assert np.allclose(found_slope[inner], mean_slope, atol=1e-4)
    assert np.allclose(found_offset[inner], cv2.boxFilter(offset, -1, (5, 5))[inner], atol=1e-4)


def test_small_systems_equal_lapacks() -> None:
    raw = np.random.default_rng(1).normal(size=(50, 3, 3))
    matrices = raw @ raw.transpose(0, 2, 1) + 0.1 * np.eye(3)
    right = np.random.default_rng(2).normal(size=(50, 3))
    diagonal = np.stack([matrices[:, i, i] for i in range(3)], axis=1)
    off = np.stack([matrices[:, 1, 2], matrices[:, 0, 2], matrices[:, 0, 1]], axis=1)
    expected = np.linalg.solve(matrices, right[..., None])[..., 0]
    assert np.allclose(solve_symmetric(diagonal, off, right), expected)


def test_a_map_that_is_linear_in_the_colors_comes_back_exactly() -> None:
    photo = np.random.default_rng(3).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    wanted = (photo @ np.array([0.2, 0.5, 0.1]) / 255 + 0.1).astype(np.float32)
    assert np.abs(guided_upsample(wanted, photo, photo, 3, 1e-7) - wanted).max() < 1e-3


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_map_stays_constant(value: float) -> None:
    photo = np.random.default_rng(4).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    found = guided_upsample(np.full((25, 35), value, np.float32), photo[::2, ::2], photo, 3, 1e-4)
    assert found.shape == (50, 70)
    assert np.allclose(found, value, atol=1e-3)
