"""Names and borders."""

from __future__ import annotations

import itertools

import numpy as np

from maskgen.evaluation.pairs import MaskEntry
from maskgen.evaluation.reading import Blob
from maskgen.report.sample import Sample, find_named, touched_sides
from maskgen.shards.coverage import foreground_box


def test_the_first_name_that_is_known_counts() -> None:
    entry = MaskEntry(("a_cat", "cat"), Blob("cat.png"))
    assert Sample(entry, "a/cat.jpg", None, 0.0, None, 0).key == "a_cat"
    assert find_named(entry, {"cat": 1, "a_cat": 2}) == 2
    assert find_named(entry, {"dog": 1}) is None


def test_touched_sides_are_those_that_the_mask_has_pixels_on() -> None:
    for corners in itertools.product(range(3), range(3), range(1, 4), range(1, 5)):
        y0, x0, tall, wide = corners
        mask = np.zeros((4, 5), bool)
        mask[y0 : y0 + tall, x0 : x0 + wide] = True
        sides = sum(bool(side.any()) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
        assert touched_sides(foreground_box(mask), (4, 5)) == sides
    assert touched_sides(foreground_box(np.zeros((4, 5), bool)), (4, 5)) == 0
