"""One class's SVM: its cost chosen by three folds, fitted, and tested."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.trainers.datasets.voc import DIFFICULT, SHOWN

from .precision import MEASURES
from .protocols import SvmProtocol

FOLDS = 3
_ITERATIONS = 2000
Rows = NDArray[np.float64]
Targets = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Fitted:
    """An SVM.

    Args:
        model: scikit-learn's.
        cost: C.
        chosen_by: the mean average precision over the folds by cost; empty: there was one cost only.
    """

    model: Any
    cost: float
    chosen_by: dict[float, float]

    @property
    def converged(self) -> bool:
        """Whether it met its tolerance."""
        return bool(self.model.n_iter_ < _ITERATIONS)


def require_sklearn() -> str:
    """The version of scikit-learn.

    Raises:
        EnvironmentFault: it is not installed.
    """
    try:
        import sklearn
    except ImportError as error:
        raise EnvironmentFault("SVMs need scikit-learn", remedy='pip install "maskgen[svm]"') from error
    return str(sklearn.__version__)


def check_counts(targets: Targets, classes: Sequence[str], protocol: SvmProtocol) -> None:
    """Refuse classes that no SVM can be trained for, before there is any other work.

    Args:
        targets: (n, C) of the training photos.
        classes: C names.
        protocol: whose costs are tried.

    Raises:
        UsageError: too few photos have a class, or lack it; all such classes are named.
    """
    least = FOLDS if len(protocol.costs) > 1 else 1
    total, counts = len(targets), (targets == SHOWN).sum(0).tolist()
    wrong = [
        f"{name} ({count})"
        for name, count in zip(classes, counts, strict=True)
        if min(count, total - count) < least
    ]
    if wrong:
        folds = least == FOLDS
        raise UsageError(
            f"of {total} training photos too few have a class, or lack it: {', '.join(wrong)}",
            cause=f"{least} with it and {least} without are needed" + (" for three folds" if folds else ""),
            remedy="add photos"
            + (", give a single --cost, which needs no folds" if folds else "")
            + ", or put lists of the other classes alone into ImageSets/Main, as cat_trainval.txt and "
            "cat_test.txt",
        )


def fit(rows: Rows, targets: Targets, protocol: SvmProtocol, *, seed: int, workers: int) -> Fitted:
    """Train a class's SVM; photos whose objects are all difficult are negatives.

    The folds keep the order of the photos and the share of positives (scikit-learn's StratifiedKFold). Of
    costs that are equally good the first is taken, as in FAIR's code. Results do not depend on the workers.

    Args:
        rows: (n, D) features.
        targets: (n,) of the class, see `check_counts`.
        protocol: whose costs and settings.
        seed: of the solver's order.
        workers: processes that fit folds.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import LinearSVC

    labels = np.where(targets == SHOWN, 1, -1)
    kind: Any = LinearSVC  # stubs that come with a checker narrow its arguments wrongly
    model = kind(
        C=protocol.costs[0],
        class_weight={1: 2, -1: 1},
        intercept_scaling=1.0,
        loss="squared_hinge",
        tol=1e-4,
        dual=True,
        max_iter=_ITERATIONS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told by `converged`
        if len(protocol.costs) == 1:
            return Fitted(model.fit(rows, labels), protocol.costs[0], {})
        searcher: Any = GridSearchCV
        search = searcher(
            model,
            {"C": list(protocol.costs)},
            scoring="average_precision",
            cv=FOLDS,
            n_jobs=workers,
            error_score="raise",
        ).fit(rows, labels)
    means = search.cv_results_["mean_test_score"].tolist()
    best = search.best_estimator_
    return Fitted(best, float(best.C), dict(zip(protocol.costs, means, strict=True)))


def judge(fitted: Fitted, rows: Rows, targets: Targets, protocol: SvmProtocol) -> dict[str, Any]:
    """How well an SVM finds its class in test photos.

    Args:
        fitted: the SVM.
        rows: (m, D) features of test photos.
        targets: (m,) of the class.
        protocol: what it does with difficult objects.

    Returns:
        Each of `MEASURES`, None where no photo shows the class; how many ``photos`` were tested, how many of
            them have the class ``shown``, how many of the set are ``difficult``; ``cost``, ``chosen_by`` and
            ``converged``.
    """
    kept = targets != DIFFICULT if protocol.drop_difficult else np.ones(len(targets), bool)
    shown = targets[kept] == SHOWN
    scores = fitted.model.decision_function(rows[kept]) if len(shown) else np.zeros(0)
    there = bool(shown.any())
    return {
        **{name: measure(scores, shown) if there else None for name, measure in MEASURES.items()},
        "photos": int(kept.sum()),
        "shown": int(shown.sum()),
        "difficult": int((targets == DIFFICULT).sum()),
        "cost": fitted.cost,
        "chosen_by": {f"{cost:.6g}": mean for cost, mean in fitted.chosen_by.items()},
        "converged": fitted.converged,
    }
