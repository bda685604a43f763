"""SwAV's loss by hand with and without the queue, and its prototypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import Progress

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


def codes_by_hand(scores: np.ndarray, epsilon: float) -> np.ndarray:
    q = np.exp(scores / epsilon)
    for _ in range(3):
        q /= q.sum(0, keepdims=True)
        q /= q.sum(1, keepdims=True)
    return q


def swav_by_hand(method: Any, views: Views, queued: list[Tensor] | None = None) -> float:
    c = method.prototypes.weight.detach()
    z = [normalize(method.head(method.backbone(x)), dim=1).detach() for x in views.views]
    total = 0.0
    for a in (0, 1):
        rows = z[a] if queued is None else torch.cat([queued[a], z[a]])
        codes = torch.from_numpy(codes_by_hand((rows @ c.T).double().numpy(), method.preset.epsilon))[
            -len(z[a]) :
        ]
        others = [z[v] @ c.T / method.preset.temperature for v in range(len(z)) if v != a]
        total += sum(-(codes * torch.log_softmax(s.double(), 1)).sum(1).mean().item() for s in others) / len(
            others
        )
    return total / 2


@pytest.mark.slow
def test_swavs_loss_with_and_without_its_queue(make_views: MakeViews, still: Callable[..., Any]) -> None:
    method = still("swav", apart=True, queue="16", freeze_prototypes="0", prototypes="12")
    seen: list[list[Tensor]] = [[], []]
    for step in range(4):
        views = make_views(method.preset, seed=step)
        method.before_step(Progress(step, 10, 0.0))
        full = step >= 2  # two batches of 8 fill it
        queued = [torch.cat(part[-2:]) for part in seen] if full else None
        assert method(views, Progress(step, 10, 0.0)).loss.item() == pytest.approx(
            swav_by_hand(method, views, queued), rel=1e-4
        )
        method.after_step(Progress(step, 10, 0.0))
        for a in (0, 1):
            seen[a].append(normalize(method.head(method.backbone(views.views[a])), dim=1).detach())


def test_the_queue_waits_for_its_epoch(make_views: MakeViews, still: Callable[..., Any]) -> None:
    method = still("swav", apart=True, queue="16", queue_start_epoch="3")
    for epoch, filled in ((2.9, 0), (3.0, 8), (3.1, 16)):
        progress = Progress(0, 10, epoch)
        method.before_step(progress)
        method(make_views(method.preset), progress)
        method.after_step(progress)
        assert [int(queue.filled) for queue in method.queues] == [filled, filled]


def test_prototypes_are_unit_rows_and_stay_while_frozen(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("swav", apart=True, freeze_prototypes="2", weight_decay="0.1")
    optimizer = torch.optim.SGD(method.parameter_groups(method.preset), lr=0.5, momentum=0.9)
    before = normalize(method.prototypes.weight.detach(), dim=1)
    for step in range(4):
        progress = Progress(step, 10, 0.0)
        method.before_step(progress)
        torch.testing.assert_close(method.prototypes.weight.norm(dim=1), torch.ones(16))
        same = torch.allclose(method.prototypes.weight, before, atol=1e-6)
        assert same == (step <= 2)  # the steps 0 and 1 leave it, step 2 moves it
        optimizer.zero_grad()
        method(make_views(method.preset), progress).loss.backward()
        assert method.prototypes.weight.grad is not None
        optimizer.step()


def test_without_a_queue_there_is_none(still: Callable[..., Any]) -> None:
    assert not [name for name in still("swav", apart=True, queue="0").state_dict() if "queue" in name]
