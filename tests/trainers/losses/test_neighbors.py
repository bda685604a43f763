"""Neighbors against a full sort, and the loss over them against a loop."""

from __future__ import annotations

from collections.abc import Callable
from math import log

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from maskgen.trainers import losses


def test_nearest_rows_are_those_of_a_full_sort(unit_rows: Callable[..., Tensor]) -> None:
    features, queue = 5 * unit_rows(6, 4), unit_rows(30, 4, seed=1)
    found = losses.nearest_in_queue(features, queue, 7)
    distance = np.linalg.norm(normalize(features, dim=1).numpy()[:, None] - queue.numpy()[None], axis=2)
    wanted = np.argsort(distance, axis=1)[:, :7]
    assert np.array_equal(np.sort(found.numpy(), 1), np.sort(wanted, 1))


def test_knn_loss_is_the_mean_over_neighbors(unit_rows: Callable[..., Tensor]) -> None:
    logits = unit_rows(3, 8) * 5
    neighbors = torch.tensor([[0, 1], [2, 7], [4, 5]])
    p = torch.softmax(logits, dim=1)
    wanted = -sum(log(float(p[i, j])) for i in range(3) for j in neighbors[i].tolist()) / 6
    assert losses.knn_loss(logits, neighbors).item() == pytest.approx(wanted, rel=1e-9)
