"""SimCLR: the loss of one batch, of two views, of more, and with matched negatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import exp, log
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import Progress

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


def test_simclrs_embeddings_of_both_views_share_statistics(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("simclr", apart=True).train()
    sizes: list[int] = []
    method.backbone.register_forward_hook(lambda _net, given, _out: sizes.append(len(given[0])))
    method(make_views(method.preset), START)
    assert sizes == [16]


def one_way_by_hand(anchors: Tensor, positives: Tensor, extra: Tensor | None = None) -> float:
    """Algorithm 1, for the anchors of one view; t = 0.2."""
    total, everything = 0.0, torch.cat([anchors, positives])
    for i, anchor in enumerate(anchors):
        scores = [float(anchor @ row) for j, row in enumerate(everything) if j != i]
        scores += [] if extra is None else [float(anchor @ extra[i])]
        total -= log(exp(float(anchor @ positives[i]) / 0.2) / sum(exp(score / 0.2) for score in scores))
    return total / len(anchors)


def embed(method: Any, crops: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Crops of one size share a forward of the backbone, and all crops one of the head."""
    sizes = sorted({crop.shape[-1] for crop in crops}, reverse=True)
    with torch.no_grad():
        features = [
            method.backbone(torch.cat([crop for crop in crops if crop.shape[-1] == size])) for size in sizes
        ]
        z = normalize(method.head(torch.cat(features)), dim=1).double()
    return z.split([len(crop) for crop in crops])


@pytest.mark.parametrize(
    ("recipe", "pairs"),
    [
        ("simclr", [(0, 1), (1, 0)]),
        ("relicv2", [(view, large) for view in range(6) for large in range(4) if view != large]),
    ],
)
def test_the_loss_in_training_is_the_mean_over_pairs_with_a_large_view(
    recipe: str, pairs: list[tuple[int, int]], make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("simclr", apart=True, recipe=recipe).train()
    views = make_views(method.preset, batch=4)
    z = embed(method, views.views)
    each = [one_way_by_hand(z[view], z[large]) for view, large in pairs]
    assert method(views, START).loss.item() == pytest.approx(sum(each) / len(each), rel=1e-5)


def test_the_loss_in_training_has_the_matched_negative_of_view_0_alone(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("simclr", apart=True, recipe="simclr-bg-swaps", negative_p="1").train()
    views = make_views(method.preset, batch=4)
    views = replace(views, matched=torch.ones(4, dtype=torch.bool))
    n, z_1, z_2 = embed(method, (views.negative, *views.views))
    wanted = (one_way_by_hand(z_1, z_2, n) + one_way_by_hand(z_2, z_1)) / 2
    out = method(views, START)
    assert out.loss.item() == pytest.approx(wanted, rel=1e-5)
    out.loss.backward()  # the negative is pushed away from both sides
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in method.parameters())


def test_rows_that_are_not_matched_meet_another_photo_once_more(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("simclr", apart=True, recipe="simclr-bg-swaps", negative_p="0").train()
    views = make_views(method.preset, batch=4)
    views = replace(views, matched=torch.zeros(4, dtype=torch.bool))
    z_1, z_2 = embed(method, views.views)
    back = one_way_by_hand(z_2, z_1)
    wanted = [(one_way_by_hand(z_1, z_2, z_2.roll(step, 0)) + back) / 2 for step in (1, 2, 3)]
    assert min(abs(method(views, START).loss.item() - value) for value in wanted) < 1e-5
