"""Overlays: colors by the map, rows in the photos' own shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskgen.loaders import open_dataset
from maskgen.trainers.datasets.masked import masked_of_shards
from maskgen.trainers.evaluations.grounding.sheet import TITLES, cam_rows, heat


def test_what_is_looked_at_is_red_and_the_rest_blue() -> None:
    photo = np.full((2, 2, 3), 100, np.uint8)
    drawn = heat(photo, np.array([[1.0, 0.0], [0.5, 0.0]], np.float32)).astype(int)
    assert drawn[0, 0, 0] > drawn[0, 0, 2]
    assert drawn[0, 1, 2] > drawn[0, 1, 0]
    assert drawn[1, 0, 1] > max(drawn[1, 0, 0], drawn[1, 0, 2]) - 1


def test_rows_show_photo_mask_and_map_of_samples_spread_over_the_shards(shards: Path) -> None:
    dataset = open_dataset(shards)
    rows, images = list(cam_rows(dataset, "random", "tiny", count=4)), masked_of_shards(dataset)
    assert len(rows) == 4
    for row, number in zip(rows, (0, 18, 35, 53), strict=True):
        photo, mask = images.read(number)
        assert len(row.pictures) == len(TITLES)
        assert np.array_equal(row.pictures[0], photo)
        assert np.array_equal(row.pictures[1][..., 0] > 0, mask)
        assert row.pictures[2].shape == photo.shape
        assert row.key.startswith("IoU 0.")
        assert row.key.endswith(images.key(number))
