"""The structure measure and weighted F, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sod_cases import noise

from maskgen.evaluation.measures import measure
from maskgen.evaluation.structure import s_measure


def test_weighted_f_of_one_false_alarm_worked_by_hand() -> None:
    # 1 x 20, truth the first pixel, a false alarm 10 px off weighs 2 - 1/4; the truth's own error is 0.
    levels = np.zeros((1, 20), np.uint8)
    levels[0, [0, 10]] = 255
    only = np.arange(20)[None] == 0
    precision = 1 / (1 + 1.75)
    assert measure(levels, only).measures.weighted_f == pytest.approx(2 * precision / (1 + precision))


def test_weighted_f_of_a_black_map_is_zero_away_from_the_border() -> None:
    # Every pixel lends the error 1, and the kernel, 3 px to each side, sees nothing of the zeros outside.
    only = np.zeros((9, 9), bool)
    only[4, 4] = True
    assert measure(np.zeros((9, 9), np.uint8), only).measures.weighted_f == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("side", [0, 1])
def test_foreground_at_the_far_edge_has_a_structure_measure(side: int) -> None:
    # pysodmetrics makes NaN of the quarter without pixels; without it, two quarters make the region term.
    right = np.zeros((4, 6), bool)
    right[(slice(None), -1) if side else (-1, slice(None))] = True
    assert s_measure(right.astype(float), right) == pytest.approx(1)
    assert 0 < s_measure(noise(1, (4, 6)) / 255, right) < 1
