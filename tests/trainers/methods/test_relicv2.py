"""RELICv2: which views are paired, and negatives that change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import Progress

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False])
def test_relic_pairs_every_view_with_every_large_one(
    same: bool, make_views: MakeViews, still: Callable[..., Any]
) -> None:
    """With all others as negatives nothing is drawn, and the loss is a plain softmax over the batch."""
    method = still("relicv2", apart=True, negatives="100", same_view_pairs=str(same), invariance_weight="0.5")
    views = make_views(method.preset)
    o = [normalize(method.predictor(method.projector(method.backbone(x))), dim=1) for x in views.views]
    t = [normalize(method.target(x), dim=1) for x in views.views[:4]]
    values = []
    for v in range(6):
        for w in range(4):
            if v == w and not same:
                continue
            s = o[v] @ t[w].T / 0.2
            p, q = torch.log_softmax(s, 1), torch.log_softmax(s, 0).T
            values.append(-p.diag().mean() + 0.5 * (p.exp() * (p - q)).sum(1).mean())
    assert len(values) == (24 if same else 20)
    assert method(views, START).loss.item() == pytest.approx(torch.stack(values).mean().item(), rel=1e-5)


def test_relics_negatives_change_from_step_to_step(make_views: MakeViews, still: Callable[..., Any]) -> None:
    method = still("relicv2", apart=True, negatives="2")
    views = make_views(method.preset)
    values = [method(views, Progress(step, 10, 0.0)).loss.item() for step in (0, 0, 1)]
    assert values[0] == values[1] != values[2]
