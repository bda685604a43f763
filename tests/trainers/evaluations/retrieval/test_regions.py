"""Regions: clusters that are plain to see, means and pixels counted by hand, masks by name."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgen.evaluation.reading import Blob
from maskgen.trainers.evaluations.retrieval.regions import cluster_regions, masked_region, read_mask


def test_plain_clusters_are_found_and_described() -> None:
    maps = np.zeros((2, 4, 4), np.float32)
    maps[0, :, 2:], maps[1, :2, :2] = 8.0, 5.0
    truth = np.zeros((8, 8), np.uint8)
    truth[:, 4:], truth[0, 0] = 3, 255
    found = cluster_regions(maps, truth, 3, [0, 0])
    rows = sorted(zip(found.vectors.tolist(), found.counts[:, [0, 3]].tolist(), strict=True))
    assert rows == [([0.0, 0.0], [16, 0]), ([0.0, 5.0], [15, 0]), ([8.0, 0.0], [0, 32])]
    assert not found.rest.any()


def test_a_seed_decides_and_every_pixel_counts_once() -> None:
    rng = np.random.default_rng(0)
    maps, truth = rng.random((5, 8, 8)).astype(np.float32), rng.integers(0, 21, (30, 50)).astype(np.uint8)
    one, again, other = (cluster_regions(maps, truth, 6, [seed, 3]) for seed in (0, 0, 1))
    assert np.array_equal(one.vectors, again.vectors)
    assert one.vectors.shape != other.vectors.shape or not np.array_equal(one.vectors, other.vectors)
    assert np.array_equal(one.counts.sum(0), np.bincount(truth.ravel(), minlength=21))


def test_fewer_features_than_clusters() -> None:
    found = cluster_regions(np.ones((2, 3, 3), np.float32), np.zeros((6, 6), np.uint8), 15, [0, 0])
    assert found.vectors.tolist() == [[1.0, 1.0]]
    assert found.counts[0, 0] == 36


def test_the_foreground_is_one_region_and_the_rest_is_counted() -> None:
    maps = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    truth, mask = np.zeros((4, 4), np.uint8), np.zeros((4, 4), bool)
    truth[:, 2:], truth[3, 3], mask[:, 2:] = 7, 255, True
    found = masked_region(maps, truth, mask)
    assert found.vectors.tolist() == [[2.0]]  # the mean of 1 and 3
    assert (found.counts[0, 7], found.counts.sum(), found.rest[0], found.rest.sum()) == (7, 7, 8, 8)


def test_small_and_empty_masks() -> None:
    maps = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    truth, mask = np.zeros((8, 8), np.uint8), np.zeros((8, 8), bool)
    mask[6, 1] = True
    assert masked_region(maps, truth, mask).vectors.tolist() == [[2.0]]
    none = masked_region(maps, truth, np.zeros((8, 8), bool))
    assert none.vectors.shape == (0, 1)
    assert (none.counts.shape, none.rest.sum()) == ((0, 21), 64)


def test_masks_are_found_by_name(tmp_path: Path) -> None:
    levels = np.zeros((4, 6), np.uint8)
    levels[1, 1], levels[2, 2] = 127, 128
    cv2.imwrite(str(tmp_path / "a.png"), levels)
    masks, truth = {"a": Blob(str(tmp_path / "a.png"))}, Blob("a")
    assert np.argwhere(read_mask(masks, "a", (4, 6), 128, truth)).tolist() == [[2, 2]]
    assert not read_mask(masks, "b", (4, 6), 128, truth).any()
    with pytest.raises(Exception, match="6x4 px for a truth of 9x4 px"):
        read_mask(masks, "a", (4, 9), 128, truth)
