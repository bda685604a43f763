"""RELICv2: which views are paired, what likelihoods are compared with, and negatives that change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import Progress

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


def embeddings(method: Any, views: Views) -> tuple[list[Tensor], list[Tensor]]:
    """The online network's of all views, the target network's of the large ones."""
    o = [normalize(method.predictor(method.projector(method.backbone(x))), dim=1) for x in views.views]
    return o, [normalize(method.target(x), dim=1) for x in views.views[:4]]


@pytest.mark.slow
@pytest.mark.parametrize(("same", "form"), [(True, "views"), (False, "views"), (True, "column")])
def test_relic_pairs_every_view_with_every_large_one(
    same: bool, form: str, make_views: MakeViews, still: Callable[..., Any]
) -> None:
    """With all others as negatives nothing is drawn, and the loss is a plain softmax over the batch."""
    changes = {"negatives": "100", "same_view_pairs": str(same), "invariance_weight": "0.5"}
    method = still("relicv2", apart=True, divergence=form, **changes)
    views = make_views(method.preset)
    o, t = embeddings(method, views)
    values = []
    for v in range(6):
        for w in range(4):
            if v == w and not same:
                continue
            p = torch.log_softmax(o[v] @ t[w].T / 0.2, 1)
            swapped = o[w] @ t[v].T if v < 4 else None  # the printed equation 2
            column = t[w] @ o[v].T
            q = torch.log_softmax((column if form == "column" or swapped is None else swapped) / 0.2, 1)
            values.append(-p.diag().mean() + 0.5 * (p.exp() * (p - q)).sum(1).mean())
    assert len(values) == (24 if same else 20)
    assert method(views, START).loss.item() == pytest.approx(torch.stack(values).mean().item(), rel=1e-5)


@pytest.mark.slow
def test_gradients_are_those_of_equation_2_as_printed(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    """sg[E_p log p] - E_p log q by hand, and none from a view with itself."""
    method = still("relicv2", apart=True, negatives="100", contrast_weight="0")
    views = make_views(method.preset)
    o, t = embeddings(method, views)
    terms = []
    for v in range(6):
        for w in range(4):
            p = torch.softmax(o[v] @ t[w].T.detach() / 0.2, 1)
            other = o[w] @ t[v].T.detach() if v < 4 else t[w].detach() @ o[v].T
            terms.append(0 * p.sum() if v == w else -(p * torch.log_softmax(other / 0.2, 1)).sum(1).mean())
    weights = [method.backbone.conv1.weight, *method.predictor.parameters()]
    wanted = torch.autograd.grad(torch.stack(terms).mean(), weights)
    found = torch.autograd.grad(method(views, START).loss, weights)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-7)


def test_relics_negatives_change_from_step_to_step_and_with_the_seed(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("relicv2", apart=True, negatives="2")
    views = make_views(method.preset)
    values = [
        method(views, Progress(step, 10, 0.0, seed)).loss.item()
        for step, seed in ((0, 0), (0, 0), (1, 0), (0, 1))
    ]
    assert values[0] == values[1]
    assert len(set(values)) == 3
