"""The scores against cases worked by hand, and what must hold of any."""

from __future__ import annotations

import numpy as np
import pytest

from maskgen.challenge.scores import (
    background_gap,
    delta_saliency_density,
    relative_foreground_sensitivity,
    worst_group,
)
from maskgen.errors import UsageError


@pytest.mark.parametrize(("same", "rand", "gap"), [(86.2, 78.9, 7.3), (89.8, 75.6, 14.2), (71.5, 71.3, 0.2)])
def test_the_gap_of_the_papers_rows(same: float, rand: float, gap: float) -> None:
    assert background_gap(same, rand) == pytest.approx(gap)


@pytest.mark.parametrize(
    ("background", "foreground", "rfs"),
    [
        (0.8, 0.4, 0.4 / (2 * 0.4)),  # mean .6: at most .8 apart
        (0.3, 0.1, 0.2 / (2 * 0.2)),  # mean .2: at most .4 apart
        (0.1, 0.3, -0.5),
        (0.5, 0.5, 0.0),
        (1.0, 0.0, 1.0),
        (1.0, 0.6, 1.0),  # the most that a mean of .8 allows
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 0.0),
    ],
)
def test_rfs_by_hand(background: float, foreground: float, rfs: float) -> None:
    assert relative_foreground_sensitivity(background, foreground) == pytest.approx(rfs)


def test_rfs_stays_within_one_and_turns_with_its_arguments() -> None:
    for one, other in np.random.default_rng(0).random((200, 2)).tolist():
        found = relative_foreground_sensitivity(one, other)
        assert -1 - 1e-12 <= found <= 1 + 1e-12
        assert found == pytest.approx(-relative_foreground_sensitivity(other, one))


@pytest.mark.parametrize("pair", [(62.5, 40.0), (0.5, -0.1), (float("nan"), 0.5)])
def test_rfs_refuses_percent_and_what_is_no_share(pair: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match=r"is not in \[0, 1\]"):
        relative_foreground_sensitivity(*pair)


def test_delta_saliency_density_by_hand_and_with_a_soft_mask() -> None:
    saliency = [[0.9, 0.3, 0.0], [0.6, 0.0, 0.0]]
    mask = [[1, 0, 0], [1, 0, 0]]
    assert delta_saliency_density(saliency, mask) == pytest.approx((0.9 + 0.6) / 2 - 0.3 / 4)
    soft = [[0.5, 0, 0], [1, 0, 0]]
    inside, outside = (0.45 + 0.6) / 1.5, (0.45 + 0.3) / 4.5
    assert delta_saliency_density(saliency, soft) == pytest.approx(inside - outside)
    assert delta_saliency_density(np.full((4, 4), 0.7), np.eye(4)) == pytest.approx(0)


@pytest.mark.parametrize(
    ("mask", "words"),
    [(np.ones((2, 2)), "without background"), (np.zeros((2, 2)), "without"), (np.ones((3, 2)), "a mask of")],
)
def test_a_mask_that_says_nothing_is_refused(mask: np.ndarray, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        delta_saliency_density(np.zeros((2, 2)), mask)


def test_the_worst_group_is_the_least_mean_not_the_least_count() -> None:
    correct = [True] * 9 + [False] + [True, False]
    groups = ["large"] * 10 + ["small"] * 2
    assert worst_group(correct, groups) == 0.5
    assert worst_group(correct[:10], groups[:10]) == 0.9
    for wrong in (([], []), ([True], ["a", "b"])):
        with pytest.raises(UsageError, match="groups"):
            worst_group(*wrong)
