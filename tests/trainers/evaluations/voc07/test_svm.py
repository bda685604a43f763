"""One class's SVM against scikit-learn's own loop, as FAIR's code has it."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.trainers.evaluations.voc07.protocols import find_svm_protocol
from maskgen.trainers.evaluations.voc07.svm import check_counts, fit, judge, require_sklearn

svm = pytest.importorskip("sklearn.svm", reason="scikit-learn is an extra")
FAIR = find_svm_protocol("fair")


def photos(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows in which the class lies aside, a third of them difficult to tell; targets."""
    rng = np.random.default_rng(seed)
    targets = rng.choice(np.array([1, 0, -1], np.int8), count, p=(0.3, 0.1, 0.6))
    rows = rng.normal(size=(count, 12))
    rows[:, 0] += 1.2 * (targets >= 0)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), targets


def test_the_cost_is_the_best_of_three_folds() -> None:
    from sklearn.model_selection import cross_val_score

    rows, targets = photos(150, 0)
    found = fit(rows, targets, FAIR, seed=3, workers=1)
    labels = np.where(targets == 1, 1, -1)  # difficult ones are negatives

    def model(cost: float) -> svm.LinearSVC:
        weights = {1: 2, -1: 1}
        return svm.LinearSVC(C=cost, class_weight=weights, dual=True, max_iter=2000, random_state=3)

    means = [
        cross_val_score(model(cost), rows, labels, cv=3, scoring="average_precision").mean()
        for cost in FAIR.costs
    ]
    assert list(found.chosen_by.values()) == pytest.approx(means)
    assert found.cost == FAIR.costs[int(np.argmax(means))]
    assert len(set(means)) > 1
    assert found.converged
    assert np.array_equal(found.model.coef_, model(found.cost).fit(rows, labels).coef_)


def test_difficult_photos_are_left_out_of_the_test_or_are_negatives() -> None:
    rows, targets = photos(150, 0)
    one = replace(FAIR, costs=(0.5,))
    found = fit(rows, targets, one, seed=0, workers=1)
    test, marks = photos(90, 1)
    dropped = judge(found, test, marks, one)
    kept = judge(found, test, marks, replace(one, drop_difficult=False))
    assert dropped["photos"] == (marks != 0).sum()
    assert kept["photos"] == 90
    assert dropped["shown"] == kept["shown"] == (marks == 1).sum()
    assert dropped["all_point"] > kept["all_point"]  # difficult ones look like the class
    assert judge(found, test, np.full(90, -1, np.int8), one)["all_point"] is None
    assert judge(found, test, np.zeros(90, np.int8), one)["photos"] == 0


def test_what_cannot_be_trained_is_said() -> None:
    rows, targets = photos(40, 0)
    targets[:] = -1
    targets[:2] = 1
    table = np.stack([targets, -targets, -np.ones(40, np.int8)], axis=1)
    with pytest.raises(
        UsageError, match=r"of 40 training .* lack it: cat \(2\), dog \(38\), cow \(0\)"
    ) as caught:
        check_counts(table, ("cat", "dog", "cow"), FAIR)
    assert "--cost" in str(caught.value)
    one = replace(FAIR, costs=(1.0,))
    check_counts(table[:, :2], ("cat", "dog"), one)
    with pytest.raises(UsageError, match=r"lack it: cow \(0\)"):
        check_counts(table, ("cat", "dog", "cow"), one)
    assert fit(rows, targets, one, seed=0, workers=1).cost == 1.0


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert require_sklearn()[0].isdigit()
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(EnvironmentFault, match=r"maskgen\[svm\]"):
        require_sklearn()
