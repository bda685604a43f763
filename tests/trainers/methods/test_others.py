"""SimCLR, SimSiam, BYOL, MSR, SwAV, RELICv2 and the control: each loss from its parts, and what its step changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy, normalize

from maskgen.errors import UsageError
from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import METHODS, Progress
from maskgen.trainers.presets import PRESETS, with_overrides

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


def still(name: str, **changes: str) -> Any:
    """A method in eval mode, where each image's embedding is its own; its second network, if any, moved away."""
    torch.manual_seed(0)
    method = METHODS[name](with_overrides(PRESETS[name]["smoke"], changes), classes=5).eval()
    with torch.no_grad():
        for parameter in method.backbone.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return method


def mean_cosine(a: Tensor, b: Tensor) -> float:
    return cosine_similarity(a, b).mean().item()


def test_simsiam_is_half_of_each_direction(make_views: MakeViews) -> None:
    method = still("simsiam")
    views = make_views(method.preset)
    z = [method.projector(method.backbone(x)) for x in views.views]
    p = [method.predictor(part) for part in z]
    wanted = -mean_cosine(p[0], z[1]) / 2 - mean_cosine(p[1], z[0]) / 2
    assert method(views, START).loss.item() == pytest.approx(wanted, rel=1e-5)


def test_byol_predicts_the_target_network(make_views: MakeViews) -> None:
    method = still("byol")
    views = make_views(method.preset)
    p = [method.predictor(method.projector(method.backbone(x))) for x in views.views]
    z = [method.target(x) for x in views.views]
    wanted = 4 - 2 * mean_cosine(p[0], z[1]) - 2 * mean_cosine(p[1], z[0])
    assert method(views, START).loss.item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "hook"), [("byol", "after_step"), ("relicv2", "after_step"), ("msr", "before_step")]
)
def test_when_and_how_the_target_follows(name: str, hook: str) -> None:
    method = still(name, ema="0.9", ema_final="1.0")
    old = [p.clone() for p in method.target.parameters()]
    online = [*method.backbone.parameters(), *method.projector.parameters()]
    other = {"after_step": "before_step", "before_step": "after_step"}[hook]
    getattr(method, other)(Progress(5, 10, 0.0))
    assert all(torch.equal(a, b) for a, b in zip(method.target.parameters(), old, strict=True))
    getattr(method, hook)(Progress(5, 10, 0.0))  # half way: 0.95
    for now, before, new in zip(method.target.parameters(), old, online, strict=True):
        torch.testing.assert_close(now, 0.95 * before + 0.05 * new)


@pytest.mark.parametrize("framework", ["byol", "simsiam"])
def test_msr_weighs_weak_and_aggressive_targets(framework: str, make_views: MakeViews) -> None:
    method = still("msr", framework=framework, msr_beta="0.4")
    views = make_views(method.preset)
    p = [method.predictor(method.projector(method.backbone(x))) for x in views.views]
    weak_network = method.target or (lambda x: method.projector(method.backbone(x)))
    w = [weak_network(x) for x in views.weak]
    a, b = (-1, 0) if framework == "simsiam" else (-2, 2)
    pairs = [
        0.8 * (a * mean_cosine(p[i], w[1 - i]) + b) + 0.2 * (a * mean_cosine(p[i], p[1 - i]) + b)
        for i in (0, 1)
    ]
    out = method(views, Progress(5, 10, 0.0))  # half way: beta 0.2
    assert out.metrics["beta"].item() == pytest.approx(0.2)
    assert out.loss.item() == pytest.approx(sum(pairs), rel=1e-5)


def test_simclrs_embeddings_of_both_views_share_statistics(make_views: MakeViews) -> None:
    method = still("simclr").train()
    sizes: list[int] = []
    method.backbone.register_forward_hook(lambda _net, given, _out: sizes.append(len(given[0])))
    method(make_views(method.preset), START)
    assert sizes == [16]


# --- RELICv2


@pytest.mark.parametrize("same", [True, False])
def test_relic_pairs_every_view_with_every_large_one(same: bool, make_views: MakeViews) -> None:
    """With all others as negatives nothing is drawn, and the loss is a plain softmax over the batch."""
    method = still("relicv2", negatives="100", same_view_pairs=str(same), invariance_weight="0.5")
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


def test_relics_negatives_change_from_step_to_step(make_views: MakeViews) -> None:
    method = still("relicv2", negatives="2")
    views = make_views(method.preset)
    values = [method(views, Progress(step, 10, 0.0)).loss.item() for step in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


# --- SwAV


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


def test_swavs_loss_with_and_without_its_queue(make_views: MakeViews) -> None:
    method = still("swav", queue="16", freeze_prototypes="0", prototypes="12")
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


def test_the_queue_waits_for_its_epoch(make_views: MakeViews) -> None:
    method = still("swav", queue="16", queue_start_epoch="3")
    for epoch, filled in ((2.9, 0), (3.0, 8), (3.1, 16)):
        progress = Progress(0, 10, epoch)
        method.before_step(progress)
        method(make_views(method.preset), progress)
        method.after_step(progress)
        assert [int(queue.filled) for queue in method.queues] == [filled, filled]


def test_prototypes_are_unit_rows_and_stay_while_frozen(make_views: MakeViews) -> None:
    method = still("swav", freeze_prototypes="2", weight_decay="0.1")
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


def test_without_a_queue_there_is_none() -> None:
    assert not [name for name in still("swav", queue="0").state_dict() if "queue" in name]


# --- the control


def test_the_control_is_cross_entropy_of_known_labels(make_views: MakeViews) -> None:
    method = still("supervised")
    views = make_views(method.preset)
    label = torch.tensor([0, 1, -1, 4, -1, 2, 3, 3])
    out = method(replace(views, label=label), START)
    logits = method.classifier(method.backbone(views.views[0]))
    known = label >= 0
    assert out.loss.item() == pytest.approx(cross_entropy(logits[known], label[known]).item(), rel=1e-5)
    assert out.metrics["accuracy"].item() == pytest.approx(
        (logits.argmax(1) == label)[known].float().mean().item()
    )


def test_the_control_needs_labels(make_views: MakeViews) -> None:
    preset = PRESETS["supervised"]["smoke"]
    with pytest.raises(UsageError, match="labels"):
        METHODS["supervised"](preset)
    with pytest.raises(UsageError, match="labels"):
        still("supervised")(replace(make_views(preset), label=None), START)
