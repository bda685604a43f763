"""SimSiam's loss from its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor
from torch.nn.functional import cosine_similarity

from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import Progress

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


def mean_cosine(a: Tensor, b: Tensor) -> float:
    return cosine_similarity(a, b).mean().item()


def test_simsiam_is_half_of_each_direction(make_views: MakeViews, still: Callable[..., Any]) -> None:
    method = still("simsiam", apart=True)
    views = make_views(method.preset)
    z = [method.projector(method.backbone(x)) for x in views.views]
    p = [method.predictor(part) for part in z]
    wanted = -mean_cosine(p[0], z[1]) / 2 - mean_cosine(p[1], z[0]) / 2
    assert method(views, START).loss.item() == pytest.approx(wanted, rel=1e-5)
