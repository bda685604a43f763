"""Sums over superpixels are numpy's, to the last bit."""

from __future__ import annotations

import numpy as np

from maskgen.methods.superpixels.sums import sum_over


def test_sums_are_those_of_bincount() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 40, 5000).astype(np.int32)
    values = rng.normal(size=(5000, 6)) * 10.0 ** rng.integers(-8, 8, (5000, 6))
    wanted = np.stack([np.bincount(labels, column, 50) for column in values.T], axis=1)
    np.testing.assert_array_equal(sum_over(values, labels, 50), wanted)
    assert not sum_over(values, labels, 50)[40:].any()  # nobody is there
