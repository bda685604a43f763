"""The centered box against hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest

from maskgen.methods.priors.box import box


def test_even_sides_give_the_inner_half_of_each() -> None:
    expected = np.zeros((8, 12), np.float32)
    expected[2:6, 3:9] = 1
    assert np.array_equal(box(np.zeros((8, 12, 3), np.uint8)), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 3), (5, 1), (17, 31), (33, 8000)])
def test_any_size_has_a_box_of_half_the_sides_rounded_up(shape: tuple[int, int]) -> None:
    mask = box(np.full((*shape, 3), 9, np.uint8))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert mask.shape == shape
    assert mask.dtype == np.float32
    assert (rows.size, columns.size) == (-(-shape[0] // 2), -(-shape[1] // 2))
    assert mask.sum() == rows.size * columns.size
    for found, side in ((rows, shape[0]), (columns, shape[1])):
        assert abs(int(found[0]) - (side - 1 - int(found[-1]))) <= 1
