"""MSR on BYOL and on SimSiam: four weighted pairs."""

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


@pytest.mark.parametrize("framework", ["byol", "simsiam"])
@pytest.mark.parametrize(("schedule", "beta"), [("cosine", 0.2), ("fixed", 0.4)])
def test_msr_weighs_weak_and_aggressive_targets(
    framework: str, schedule: str, beta: float, make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("msr", apart=True, framework=framework, msr_beta="0.4", msr_schedule=schedule).train()
    views = make_views(method.preset)
    p = [method.predictor(method.projector(method.backbone(x))) for x in views.views]
    weak_network = method.target or (lambda x: method.projector(method.backbone(x)))
    w = [weak_network(x) for x in views.weak]
    a, b = (-1, 0) if framework == "simsiam" else (-2, 2)
    pairs = [
        (1 - beta) * (a * mean_cosine(p[i], w[1 - i]) + b) + beta * (a * mean_cosine(p[i], p[1 - i]) + b)
        for i in (0, 1)
    ]
    out = method(views, Progress(5, 10, 0.0))  # half way
    assert out.metrics["beta"].item() == pytest.approx(beta)
    assert out.loss.item() == pytest.approx(sum(pairs), rel=1e-5)
