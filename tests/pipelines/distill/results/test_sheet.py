"""Which photos the sheet shows, and how far labels agree."""

from __future__ import annotations

import numpy as np
import pytest

from maskgen.pipelines.distill.results.sheet import mean_iou, spread


def test_mean_iou_by_hand() -> None:
    one, other = np.zeros((3, 2, 2), bool), np.zeros((3, 2, 2), bool)
    one[0, 0] = True  # two pixels, one of them shared: 1 of 3
    other[0, :, 0] = True
    one[1], other[1] = True, True  # 1
    # the third is empty in both: 1
    assert mean_iou(one, other) == pytest.approx((1 / 3 + 1 + 1) / 3)


def test_spread_takes_the_first_the_last_and_between() -> None:
    assert spread([0, 2, 3, 7, 9], 3) == [0, 3, 9]
    assert spread([4, 5], 10) == [4, 5]
