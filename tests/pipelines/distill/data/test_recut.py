"""Labels that follow the photo's own colors, whatever of the object map and network had missed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskgen.pipelines.distill.data.recut import one_photo, recut

SIDE = 64
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
DISC = np.hypot(ROWS - 32, COLUMNS - 30) < 16


def photo() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 4, (SIDE, SIDE, 3))
    picture = np.where(DISC[..., None], (200, 40, 40), (60, 110, 70)) + noise
    return picture.clip(0, 255).astype(np.uint8)


def rough(shift: int) -> np.ndarray:
    """A map that finds the disc in about the right place, its edge far off."""
    found = np.hypot(ROWS - 32 - shift, COLUMNS - 30) < 13
    return np.where(found, 190, 30).astype(np.uint8)


def iou(mask: np.ndarray) -> float:
    return float((mask & DISC).sum() / (mask | DISC).sum())


def test_the_cut_finds_the_contour_that_neither_map_had() -> None:
    maps, prediction = np.stack([rough(-4), rough(4)]), rough(0)
    labels = one_photo((photo(), maps, prediction))
    assert (labels.shape, labels.dtype) == ((2, SIDE, SIDE), np.uint8)
    before = max(iou(one > 127) for one in (*maps, prediction))
    assert before < 0.72
    assert all(iou(one > 127) > 0.95 for one in labels)


@pytest.mark.slow
def test_each_prior_gets_its_own_labels_in_the_photos_order() -> None:
    pictures = np.stack([photo(), photo()[:, ::-1]])
    maps = np.stack([np.stack([rough(-4), rough(4)]), np.stack([rough(4), rough(-4)])[..., ::-1]])
    predictions = np.stack([rough(0), rough(0)[:, ::-1]])
    labels = recut(pictures, maps, predictions, workers=1)
    assert labels.shape == (2, 2, SIDE, SIDE)
    for number in range(2):
        alone = one_photo((pictures[number], maps[number], predictions[number]))
        assert np.array_equal(labels[:, number], alone)


@pytest.mark.slow
def test_a_photo_that_fails_keeps_its_predictions(tmp_path: Path) -> None:
    prediction = rough(0)[None]
    unusable = np.zeros((1, SIDE // 2, SIDE, 3), np.uint8)  # of another size than its maps
    labels = recut(unusable, np.stack([rough(1)])[None], prediction, workers=1)
    assert np.array_equal(labels[0], prediction)
