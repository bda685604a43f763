"""Multinomial logistic regression with an L2 penalty by L-BFGS: the linear classifiers of transfer tables.

Kornblith, Shlens and Le, "Do better ImageNet models transfer better?", CVPR 2019, and Chen et al., "A simple
framework for contrastive learning of visual representations", ICML 2020, B.8.1: 45 penalties, evenly spaced
in their logarithm from 1e-6 to 1e5; the best on validation images is fitted again on all. Whether the penalty
is to the sum of the losses or to their mean the papers leave open; it is to the sum, as in the code of
Ericsson et al., "How well do self-supervised models transfer?", CVPR 2021, where C = 1 / penalty. Deviation:
from the largest penalty to the smallest, each beginning where the last one ended; there, the other way round.

Of fewer images than features the weights are looked for in the space that the images span: outside of it they
change no loss, and the penalty makes them 0, so the optimum is the same with fewer numbers to find.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn import functional

from ..distributed.ranks import all_sum, rank, world
from .head import linear_layer

PENALTIES = tuple(float(value) for value in np.logspace(5, -6, 45))
"""From the largest to the smallest."""
ITERATIONS = 100
TOLERANCE = 1e-4
"""Of the gradient's largest part, of the mean loss: scikit-learn's defaults both."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Problem:
    """Labeled features, a part on each rank.

    Args:
        features: (n, D), this rank's.
        labels: (n,) int64, on the same device.
        classes: C.
    """

    features: Tensor
    labels: Tensor
    classes: int

    @property
    def size(self) -> int:
        """Weights and biases: C (D + 1)."""
        return self.classes * (self.features.shape[1] + 1)

    def fit(self, penalty: float, start: Vector) -> Vector:
        """The weights and biases, (C (D + 1),), that minimize sum_i loss_i + penalty / 2 |W|^2.

        Biases are free. Rank 0 leads, the others compute their rows' part of what it asks for; all get the
        same.

        Args:
            penalty: above 0.
            start: where it begins.
        """
        if self._basis is None:
            return self._descend(self.features.double(), penalty, start)
        basis, matrix = self._basis, start.reshape(self.classes, -1)
        rows = self.features.double() @ torch.from_numpy(basis).to(self.features.device)
        inner = np.concatenate([matrix[:, :-1] @ basis, matrix[:, -1:]], axis=1)
        found = self._descend(rows, penalty, inner.flatten()).reshape(self.classes, -1)
        return np.concatenate([found[:, :-1] @ basis.T, found[:, -1:]], axis=1).flatten()

    @cached_property
    def _basis(self) -> Vector | None:
        """(D, n) orthonormal columns that span the n images of all ranks; None: there are as many as D."""
        own, counts = len(self.labels), torch.zeros(world(), dtype=torch.long)
        counts[rank()] = own
        counts = all_sum(counts)
        count, width = int(counts.sum()), self.features.shape[1]
        if count >= width:
            return None
        rows, first = torch.zeros(count, width, dtype=torch.float64), int(counts[: rank()].sum())
        rows[first : first + own] = self.features.cpu()
        rows = all_sum(rows)
        basis = torch.linalg.qr(rows.T).Q if rank() == 0 else torch.zeros(width, count, dtype=torch.float64)
        return np.asarray(all_sum(basis).numpy(), np.float64)

    def _descend(self, features: Tensor, penalty: float, start: Vector) -> Vector:
        """The optimum on (n, d) float64 features, this rank's rows."""
        count = int(all_sum(torch.tensor(len(self.labels))))
        if rank() == 0:
            options = {
                "maxiter": ITERATIONS,
                "gtol": TOLERANCE,
                "ftol": 64 * np.finfo(float).eps,
                "maxls": 50,
            }

            def asked(point: Vector) -> tuple[float, Vector]:
                return self._value(features, torch.from_numpy(_announce(point)), penalty, count)

            found: Any = minimize(asked, start, jac=True, method="L-BFGS-B", options=options)
            return _announce(np.asarray(found.x, np.float64), over=True)
        while True:  # what rank 0 asks for, until it has ended
            told = all_sum(torch.zeros(len(start) + 1, dtype=torch.float64)).numpy()
            if told[-1]:
                return np.asarray(told[:-1], np.float64)
            self._value(features, torch.from_numpy(told[:-1]), penalty, count)

    def _value(self, features: Tensor, point: Tensor, penalty: float, count: int) -> tuple[float, Vector]:
        """The objective over the number of images, and its gradient."""
        matrix = point.to(features.device).view(self.classes, -1)
        weight, bias = matrix[:, :-1], matrix[:, -1]
        scores = features @ weight.T + bias
        loss = functional.cross_entropy(scores, self.labels, reduction="sum")
        error = scores.softmax(1)
        error[torch.arange(len(error), device=error.device), self.labels] -= 1
        gradient = torch.cat([error.T @ features, error.sum(0)[:, None]], dim=1)
        whole = all_sum(torch.cat([loss[None], gradient.flatten()])).cpu()
        gradient = whole[1:].view(self.classes, -1)
        gradient[:, :-1] += penalty * weight.cpu()
        value = whole[0] + penalty / 2 * weight.square().sum().cpu()
        return float(value) / count, (gradient / count).flatten().numpy()


def _announce(point: Vector, *, over: bool = False) -> Vector:
    """Rank 0's point, told to all ranks, with whether it is the last."""
    all_sum(torch.from_numpy(np.append(point, float(over))))
    return point


def layer_of(solution: Vector, classes: int) -> nn.Linear:
    """A solution of `Problem.fit` as a layer on the CPU."""
    matrix = torch.from_numpy(solution).view(classes, -1).float()
    return linear_layer(matrix[:, :-1].contiguous(), matrix[:, -1].contiguous())
