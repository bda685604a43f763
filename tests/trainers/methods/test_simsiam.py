"""SimSiam's loss from its parts."""

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
def test_simsiam_is_half_of_each_direction(
    training: bool, make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("simsiam", apart=True).train(training)
    views = make_views(method.preset)
    z = [method.projector(method.backbone(x)) for x in views.views]
    p = [method.predictor(part) for part in z]
    wanted = -mean_cosine(p[0], z[1]) / 2 - mean_cosine(p[1], z[0]) / 2
    assert method(views, START).loss.item() == pytest.approx(wanted, rel=1e-5)


def test_six_views_in_training_give_the_mean_over_pairs_with_a_large_view(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("simsiam", apart=True, recipe="relicv2").train()
    views = make_views(method.preset, batch=4)
    with torch.no_grad():
        z = [method.projector(method.backbone(view)) for view in views.views]
        p = [method.predictor(one) for one in z]
    each = [mean_cosine(p[view], z[large]) for view in range(6) for large in range(4) if view != large]
    assert len(each) == 20
    assert method(views, START).loss.item() == pytest.approx(-sum(each) / 20, rel=1e-5)
