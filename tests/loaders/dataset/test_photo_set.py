"""A set of photos: the order is that of shards, and a part of it is numbered anew."""

from __future__ import annotations

import numpy as np

from maskgen.loaders.dataset.photo_set import PhotoSet
from maskgen.loaders.order.shuffle import GlobalOrder


def photo_set() -> PhotoSet:
    labels = np.arange(5, dtype=np.int64)
    return PhotoSet("here", "mark", labels, lambda n: np.full((2, 2, 3), n, np.uint8), lambda n: f"p{n}")


def test_an_epochs_order_is_that_of_any_data_set_of_its_size() -> None:
    photos, positions = photo_set(), np.arange(5)
    assert np.array_equal(photos.order(3, 1)[positions], GlobalOrder(5, 3, 1)[positions])
    assert photos.order(0, 0).name == "global"


def test_a_part_has_its_own_numbers_and_mark() -> None:
    part = photo_set().take(np.array([False, True, False, False, True]))
    assert (part.samples, part.labels.tolist(), part.key(1)) == (2, [1, 4], "p4")
    assert part.read(1)[0, 0, 0] == 4
    assert part.fingerprint not in ("mark", photo_set().take(np.arange(5) > 2).fingerprint)
