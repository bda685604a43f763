"""BYOL's loss from its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import Progress

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


def mean_cosine(a: Tensor, b: Tensor) -> float:
    return cosine_similarity(a, b).mean().item()


@pytest.mark.parametrize("training", [False, True])
def test_byol_predicts_the_target_network(
    training: bool, make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("byol", apart=True).train(training)
    views = make_views(method.preset)
    p = [method.predictor(method.projector(method.backbone(x))) for x in views.views]
    z = [method.target(x) for x in views.views]
    wanted = 4 - 2 * mean_cosine(p[0], z[1]) - 2 * mean_cosine(p[1], z[0])
    assert method(views, START).loss.item() == pytest.approx(wanted, rel=1e-5)


def test_six_views_in_training_give_the_mean_over_pairs_with_a_large_view(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("byol", apart=True, recipe="relicv2").train()
    views = make_views(method.preset, batch=4)
    with torch.no_grad():
        p = [method.predictor(method.projector(method.backbone(view))) for view in views.views]
        z = [method.target(view) for view in views.views[:4]]
    each = [mean_cosine(p[view], z[large]) for view in range(6) for large in range(4) if view != large]
    assert len(each) == 20
    wanted = 2 * (2 - 2 * sum(each) / 20)  # both directions of two views are twice their mean
    assert method(views, START).loss.item() == pytest.approx(wanted, rel=1e-5)
