"""Average precision against hand-worked cases, the definition by brute force, and scikit-learn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.trainers.evaluations.voc07.precision import all_point, eleven_point, step

Scores = NDArray[np.float64]


def ranked(marks: str) -> tuple[Scores, NDArray[np.bool_]]:
    """Photos from the highest score: + has the class."""
    return -np.arange(len(marks), dtype=float), np.array([mark == "+" for mark in marks])


@pytest.mark.parametrize(
    ("marks", "area", "eleven", "plain"),
    [
        ("++--", 1, 1, 1),
        ("--++", 1 / 2, 1 / 2, (1 / 3 + 2 / 4) / 2),
        ("-++-", 2 / 3, 2 / 3, (1 / 2 + 2 / 3) / 2),
        # Precision 1, 2/3 and 3/5 at recall 1/3, 2/3 and 1: four tenths (0 to .3), three (.4 to .6), four.
        ("+-+-+", (1 + 2 / 3 + 3 / 5) / 3, (4 * 1 + 3 * 2 / 3 + 4 * 3 / 5) / 11, (1 + 2 / 3 + 3 / 5) / 3),
        ("-+", 1 / 2, 1 / 2, 1 / 2),
    ],
)
def test_hand_worked_cases(marks: str, area: float, eleven: float, plain: float) -> None:
    scores, shown = ranked(marks)
    assert all_point(scores, shown) == pytest.approx(area)
    assert eleven_point(scores, shown) == pytest.approx(eleven)
    assert step(scores, shown) == pytest.approx(plain)


def brute(scores: Scores, shown: NDArray[np.bool_]) -> tuple[float, float]:
    """Both by their definition, from the sets of photos over each threshold."""
    points = [
        (shown[scores >= threshold].mean(), shown[scores >= threshold].sum() / shown.sum())
        for threshold in scores
    ]

    def best(least: float) -> float:
        return float(max(precision for precision, recall in points if recall >= least - 1e-12))

    levels = sorted({recall for _, recall in points} | {0.0})
    area = sum((now - last) * best(now) for last, now in pairwise(levels))
    return area, float(np.mean([best(tenth / 10) for tenth in range(11)]))


@pytest.mark.parametrize("seed", range(30))
def test_both_are_what_their_definitions_give_also_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 12, 40).astype(float) if seed % 2 else rng.normal(size=40)
    shown = rng.random(40) < rng.uniform(0.05, 0.9)
    shown[rng.integers(40)] = True
    area, eleven = brute(scores, shown)
    assert all_point(scores, shown) == pytest.approx(area)
    assert eleven_point(scores, shown) == pytest.approx(eleven)
    order = rng.permutation(40)
    assert all_point(scores[order], shown[order]) == pytest.approx(all_point(scores, shown), abs=1e-12)


def test_without_the_envelope_it_is_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the oracle")
    rng = np.random.default_rng(0)
    for _ in range(10):
        scores, shown = rng.integers(0, 9, 50).astype(float), rng.random(50) < 0.3
        assert step(scores, shown) == pytest.approx(metrics.average_precision_score(shown, scores))
