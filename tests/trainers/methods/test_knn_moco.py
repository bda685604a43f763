"""kNN-MoCo: positives against their anchor and its neighbors, and what the queues hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import log_softmax, normalize

from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import Progress

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


def test_every_positive_meets_its_anchor_and_its_neighbors(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("knn-moco", apart=True)
    views = make_views(method.preset)
    queue, features = method.moco.queue.rows.clone(), method.feature_queue.rows.clone()
    out = method(views, START)
    anchor = normalize(method.moco.key(views.views[1]), dim=1)
    instance, neighbors = [], []
    for index in (0, 2, 3, 4, 5):
        g = method.backbone(views.views[index])
        z = normalize(method.moco.head(g), dim=1)
        logits = torch.cat([(z * anchor).sum(1, keepdim=True), z @ queue.T], 1) / 0.2
        instance.append(-log_softmax(logits, 1)[:, 0])
        near = (normalize(g, dim=1) @ features.T).argsort(1, descending=True)[:, :5]
        neighbors.append(-log_softmax(logits[:, 1:], 1).gather(1, near).mean(1))
    wanted = torch.cat(instance).mean() + 0.4 * torch.cat(neighbors).mean()
    assert out.loss.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_neighbors_wait_for_their_epoch(make_views: MakeViews, still: Callable[..., Any]) -> None:
    method = still("knn-moco", neighbor_start_epoch="1")
    views = make_views(method.preset)
    assert "neighbors" not in method(views, Progress(0, 10, 0.99)).metrics
    assert "neighbors" in method(views, Progress(0, 10, 1.0)).metrics


def test_both_queues_hold_the_same_anchors(make_views: MakeViews, still: Callable[..., Any]) -> None:
    method = still("knn-moco")
    views = make_views(method.preset)
    method(views, START)
    method.after_step(START)
    features = method.moco.key[0](views.views[1])
    torch.testing.assert_close(method.feature_queue.rows[:8], normalize(features, dim=1))
    torch.testing.assert_close(method.moco.queue.rows[:8], normalize(method.moco.key[1](features), dim=1))


def test_in_training_view_0_alone_meets_the_matched_negative(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    changes = {"recipe": "knn-moco-bg-swaps", "negative_p": "1", "bn_groups": "1", "queue": "32"}
    method = still("knn-moco", apart=True, neighbor_start_epoch="9", **changes).train()
    views = make_views(method.preset, batch=4)
    views = replace(views, matched=torch.ones(4, dtype=torch.bool))
    queue, features = method.moco.queue.rows.clone(), method.feature_queue.rows.clone()
    with torch.no_grad():
        small = method.backbone(torch.cat(views.views[2:]))
        g = torch.cat([method.backbone(views.views[0]), small])
        z = normalize(method.moco.head(g), dim=1)
        both = method.moco.key[0](torch.cat([views.views[1], views.negative]))
        anchor, n = normalize(method.moco.key[1](both), dim=1).chunk(2)
    total = 0.0
    for row, positive in enumerate(z):
        scores = [positive @ anchor[row % 4], *(queue @ positive)]
        scores += [positive @ n[row]] if row < 4 else []
        total -= log_softmax(torch.stack(scores).double() / 0.2, 0)[0].item()
    out = method(views, START)
    assert out.loss.item() == pytest.approx(total / 20, rel=1e-5)
    method.after_step(START)
    torch.testing.assert_close(method.moco.queue.rows[:4], anchor)
    torch.testing.assert_close(method.feature_queue.rows[:4], normalize(both[:4], dim=1))
    assert not torch.equal(method.feature_queue.rows, features)
    assert int(method.feature_queue.filled) == 4


def test_after_the_head_neighbors_are_those_of_the_embeddings(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("knn-moco", apart=True, neighbor_features="head")
    views = make_views(method.preset)
    queue = method.moco.queue.rows.clone()
    out = method(views, START)
    crops = [views.views[index] for index in (0, 2, 3, 4, 5)]
    z = torch.cat([normalize(method.moco.head(method.backbone(crop)), dim=1) for crop in crops])
    near = (z @ queue.T).argsort(1, descending=True)[:, :5]
    wanted = -log_softmax(z @ queue.T / 0.2, 1).gather(1, near).mean()
    assert out.metrics["neighbors"].item() == pytest.approx(wanted.item(), rel=1e-5)
    assert method.feature_queue is None


def test_anchors_that_are_enqueued_first_are_mined_and_stand_for_the_rows_before_them(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    """Appendix B: "there is a mismatch between the logits and the memory bank for the most recent batch"."""
    method = still("knn-moco", apart=True, mine_enqueued="yes", queue="12", neighbors="1")
    for seed in (0, 1):  # 8 images each: the second time they wrap around
        views = make_views(method.preset, seed=seed)
        queue, features = method.moco.queue.rows.clone(), method.feature_queue.rows.clone()
        place = int(method.feature_queue.pointer)
        out = method(views, START)
        anchors = normalize(method.moco.key[0](views.views[1]), dim=1)
        for row, anchor in enumerate(anchors):
            features[(place + row) % 12] = anchor
        g = torch.cat([method.backbone(views.views[0]), method.backbone(torch.cat(views.views[2:]))])
        z = normalize(method.moco.head(g), dim=1)
        near = (g @ features.T).argmax(1)
        wanted = -log_softmax(z @ queue.T / 0.2, 1)[range(40), near].mean()
        assert out.metrics["neighbors"].item() == pytest.approx(wanted.item(), rel=1e-5)
        method.after_step(START)
        torch.testing.assert_close(method.feature_queue.rows, features)


def test_without_a_weight_nothing_is_mined(make_views: MakeViews, still: Callable[..., Any]) -> None:
    method = still("knn-moco", neighbor_weight="0")
    out = method(make_views(method.preset), START)
    assert "neighbors" not in out.metrics
    assert out.loss.item() == out.metrics["instance"].item()
    assert method.feature_queue is None
