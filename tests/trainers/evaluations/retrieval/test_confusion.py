"""IoU of classes: by hand, and against loops and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from maskgen.trainers.evaluations.retrieval.confusion import class_ious, count_pixels


def test_by_hand() -> None:
    """Two regions: 5 of class 0 and 3 of class 1 answered 0; 1 of class 0 and 4 of class 1 answered 1."""
    table = count_pixels(np.array([[5, 3, 0], [1, 4, 0]]), np.array([0, 1]))
    assert table.tolist() == [[5, 1, 0], [3, 4, 0], [0, 0, 0]]
    found = class_ious(table)
    assert found[:2].tolist() == [5 / 9, 4 / 8]
    assert np.isnan(found[2])


@pytest.mark.slow
def test_against_pixels_one_by_one() -> None:
    rng = np.random.default_rng(0)
    truth, region = rng.integers(0, 5, 3000), rng.integers(0, 9, 3000)
    answers = rng.integers(0, 4, 9)
    counts = np.array([[((truth == c) & (region == r)).sum() for c in range(5)] for r in range(9)])
    found = class_ious(count_pixels(counts, answers))
    for label in range(5):
        both = sum(t == label == answers[r] for t, r in zip(truth, region, strict=True))
        either = sum(label in (t, answers[r]) for t, r in zip(truth, region, strict=True))
        assert found[label] == pytest.approx(both / either)
    metrics = pytest.importorskip("sklearn.metrics")
    assert found == pytest.approx(metrics.jaccard_score(truth, answers[region], average=None))
