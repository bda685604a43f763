"""MoCo v2 and BG_Swaps: the order of a step, the queue, the extra negative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import exp, log
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from maskgen.trainers import losses
from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import Progress

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


def embed(head: nn.Module, encoder: nn.Module, images: Tensor) -> Tensor:
    return normalize(head(encoder(images)), dim=1)


def test_the_loss_is_info_nce_with_the_old_queue(make_views: MakeViews, still: Callable[..., Any]) -> None:
    method = still("mocov2", apart=True)
    views = make_views(method.preset)
    queue = method.moco.queue.rows.clone()
    out = method(views, START)
    assert torch.equal(method.moco.queue.rows, queue)
    q, k = (
        embed(method.moco.head, method.backbone, views.views[0]),
        normalize(method.moco.key(views.views[1]), dim=1),
    )
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / 0.2
    assert out.loss.item() == pytest.approx(
        cross_entropy(logits, torch.zeros(8, dtype=torch.long)).item(), rel=1e-5
    )
    method.after_step(START)
    torch.testing.assert_close(method.moco.queue.rows[:8], k)
    assert torch.equal(method.moco.queue.rows[8:], queue[8:])


def test_the_key_network_follows_before_the_keys_are_made(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("mocov2", apart=True, ema="0.25")
    views = make_views(method.preset)
    old = [p.clone() for p in method.moco.key.parameters()]
    new = [*method.backbone.parameters(), *method.moco.head.parameters()]
    method.before_step(START)
    for now, before, online in zip(method.moco.key.parameters(), old, new, strict=True):
        torch.testing.assert_close(now, 0.25 * before + 0.75 * online)
    method(views, START)
    method.after_step(START)
    torch.testing.assert_close(method.moco.queue.rows[:8], normalize(method.moco.key(views.views[1]), dim=1))


def swaps(method: Any, views: Views, monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, Tensor]:
    """Keys and extra negatives of a step, and what was worked out apart from it."""
    seen: list[Tensor] = []
    original = losses.info_nce_logits

    def spy(q: Tensor, k: Tensor, queue: Tensor, t: float, extra: Tensor) -> Tensor:
        seen.extend((k, extra))
        return original(q, k, queue, t, extra)

    monkeypatch.setattr("maskgen.trainers.methods.mocov2.info_nce_logits", spy)
    method(views, START)
    return seen[0], seen[1]


def test_matched_rows_get_their_negative_and_others_another_key(
    make_views: MakeViews, monkeypatch: pytest.MonkeyPatch, still: Callable[..., Any]
) -> None:
    method = still("mocov2", recipe="mocov2-bg-swaps", negative_p="0.05")
    views = make_views(method.preset, batch=32)
    matched = torch.zeros(32, dtype=torch.bool)
    matched[[3, 17]] = True
    views = replace(views, matched=matched)
    k, n = swaps(method, views, monkeypatch)
    wanted = normalize(method.moco.key(views.negative), dim=1)
    torch.testing.assert_close(n[matched], wanted[matched])
    torch.testing.assert_close(k, normalize(method.moco.key(views.views[1]), dim=1))
    filled = 0
    for row in torch.nonzero(~matched).flatten().tolist():
        own = torch.allclose(
            n[row], wanted[row], atol=1e-6
        )  # its own unmatched negative, in a place left over
        other = [j for j in range(32) if torch.allclose(n[row], k[j], atol=1e-6)]
        assert own or (other and row not in other), row
        filled += own
    assert filled < 32 - 2


def test_all_rows_can_be_matched(
    make_views: MakeViews, monkeypatch: pytest.MonkeyPatch, still: Callable[..., Any]
) -> None:
    method = still("mocov2", recipe="mocov2-bg-swaps", negative_p="1")
    views = replace(make_views(method.preset), matched=torch.ones(8, dtype=torch.bool))
    _, n = swaps(method, views, monkeypatch)
    torch.testing.assert_close(n, normalize(method.moco.key(views.negative), dim=1))


def test_positives_and_negatives_share_one_key_forward(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("mocov2", recipe="mocov2-bg-swaps", negative_p="1", bn_groups="1").train()
    sizes: list[int] = []
    method.moco.key[0].register_forward_hook(lambda _net, given, _out: sizes.append(len(given[0])))
    method(make_views(method.preset), START)
    assert sizes == [16]


def test_keys_are_normalized_among_other_images_than_their_queries(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("mocov2").train()
    groups: dict[str, list[set[float]]] = {"query": [], "key": []}

    def note(name: str) -> Callable[..., None]:
        return lambda _net, given, _out: groups[name].append({row.mean().item() for row in given[0]})

    method.backbone.register_forward_hook(note("query"))
    method.moco.key[0].register_forward_hook(note("key"))
    views = make_views(method.preset, batch=16)
    method(
        replace(views, views=(views.views[0], views.views[0])), START
    )  # so that a key is known by its query
    assert [len(group) for group in groups["query"] + groups["key"]] == [8] * 4
    assert set.union(*groups["key"]) == set.union(*groups["query"])
    assert groups["key"][0] not in groups["query"]


def test_only_the_positive_keys_enter_the_queue(make_views: MakeViews, still: Callable[..., Any]) -> None:
    method = still("mocov2", recipe="mocov2-bg-swaps", negative_p="1")
    views = make_views(method.preset)
    method(views, START)
    method.after_step(START)
    assert int(method.moco.queue.filled) == 8
    torch.testing.assert_close(method.moco.queue.rows[:8], normalize(method.moco.key(views.views[1]), dim=1))


FIVE = {
    "recipe": "mocov2-bg-swaps",
    "negative.p": "1",
    "negative.count": "5",
    "views.0.background.p": "0",
    "negative.background_of": "1",
}


def test_five_negatives_of_each_query_are_its_own(make_views: MakeViews, still: Callable[..., Any]) -> None:
    """Ryali et al., A.3.2."""
    method = still("mocov2", apart=True, queue="32", **FIVE)
    views, queue = make_views(method.preset, batch=4), method.moco.queue.rows.double()
    views = replace(views, matched=torch.ones(4, 5, dtype=torch.bool))
    q = embed(method.moco.head, method.backbone, views.views[0]).double().detach()
    k = normalize(method.moco.key(views.views[1]), dim=1).double()
    n = normalize(method.moco.key(views.negative.flatten(0, 1)), dim=1).double().reshape(4, 5, -1)
    wanted = 0.0
    for i in range(4):
        scores = [*(float(q[i] @ row) for row in queue), *(float(q[i] @ n[i, m]) for m in range(5))]
        positive = exp(float(q[i] @ k[i]) / 0.2)
        wanted -= log(positive / (positive + sum(exp(score / 0.2) for score in scores))) / 4
    assert method(views, START).loss.item() == pytest.approx(wanted, rel=1e-5)
    method.after_step(START)
    torch.testing.assert_close(method.moco.queue.rows[:4], k.float())
    assert int(method.moco.queue.filled) == 4


@pytest.mark.parametrize("bn_groups", ["1", "2"])
def test_the_queue_can_take_keys_on_their_own_backgrounds(
    bn_groups: str, make_views: MakeViews, still: Callable[..., Any]
) -> None:
    """The loss has the replaced keys; the queue gets the same view of the photo as it was."""
    changes = {"recipe": "mocov2-bg-random", "views.0.background.p": "0", "views.1.background.p": "0.9"}
    method = still("mocov2", apart=True, enqueue="own", bn_groups=bn_groups, **changes)
    assert [view.kept for view in method.preset.views.views] == [False, True]
    views = make_views(method.preset)
    assert 0 < int((views.replaced[:, 1] > 0).sum()) < 8
    plain = still("mocov2", apart=True, bn_groups=bn_groups, **changes)
    assert torch.equal(method(views, START).loss, plain(views, START).loss)
    method.after_step(START)
    shown = torch.where(views.replaced[:, 1, None, None, None] > 0, views.kept[1], views.views[1])
    own = normalize(method.moco.key(shown), dim=1)
    used = normalize(method.moco.key(views.kept[1]), dim=1)
    for row, key in enumerate(method.moco.queue.rows[:8]):
        near = torch.minimum((key - own[row]).abs().max(), (key - used[row]).abs().max())
        assert near < 1e-5
        if views.replaced[row, 1]:
            torch.testing.assert_close(key, own[row])
    assert int(method.moco.queue.filled) == 8


def test_the_queue_can_take_the_extra_negatives_too(make_views: MakeViews, still: Callable[..., Any]) -> None:
    method = still("mocov2", enqueue="negatives", **FIVE)
    views = make_views(method.preset, batch=4)
    method(views, START)
    method.after_step(START)
    assert int(method.moco.queue.filled) == 4 + 20
    wanted = normalize(method.moco.key(views.negative.flatten(0, 1)), dim=1)
    for row in method.moco.queue.rows[4:24]:
        assert (wanted - row).abs().amax(1).min() < 1e-5


def info_nce_by_hand(q: Tensor, k: Tensor, queue: Tensor, n: Tensor | None = None) -> float:
    """-log of the positive's share, a row at a time; t = 0.2."""
    total = 0.0
    for i in range(len(q)):
        negatives = [float(q[i] @ row) for row in queue] + ([] if n is None else [float(q[i] @ n[i])])
        positive = exp(float(q[i] @ k[i]) / 0.2)
        total -= log(positive / (positive + sum(exp(score / 0.2) for score in negatives)))
    return total / len(q)


@pytest.mark.parametrize(
    ("changes", "pairs"),
    [
        ({}, [(0, 1)]),
        ({"symmetric": "yes"}, [(0, 1), (1, 0)]),
        (
            {"recipe": "relicv2"},  # views 0 to 3 are large
            [(view, large) for view in range(6) for large in range(4) if view != large],
        ),
    ],
)
def test_the_loss_in_training_is_the_mean_over_pairs_with_a_large_key(
    changes: dict[str, str], pairs: list[tuple[int, int]], make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("mocov2", apart=True, bn_groups="1", queue="32", **changes).train()
    views, queue = make_views(method.preset, batch=4), method.moco.queue.rows.double()
    out = method(views, START)
    with torch.no_grad():
        q = [embed(method.moco.head, method.backbone, view).double() for view in views.views]
        k = [normalize(method.moco.key(view), dim=1).double() for view in views.views]
    each = [info_nce_by_hand(q[view], k[large], queue) for view, large in pairs]
    assert out.loss.item() == pytest.approx(sum(each) / len(each), rel=1e-5)
    method.after_step(START)
    keys = sorted({large for _, large in pairs})
    assert int(method.moco.queue.filled) == 4 * len(keys)
    wanted = torch.cat([k[key].float() for key in keys])
    for row in wanted:
        assert (method.moco.queue.rows - row).abs().amax(1).min() < 1e-5


def test_the_loss_in_training_has_the_matched_negative_of_view_0_alone(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    changes = {"recipe": "mocov2-bg-swaps", "negative_p": "1", "bn_groups": "1", "queue": "32"}
    for symmetric in ("no", "yes"):
        method = still("mocov2", apart=True, symmetric=symmetric, **changes).train()
        views = make_views(method.preset, batch=4)
        views, queue = (
            replace(views, matched=torch.ones(4, dtype=torch.bool)),
            method.moco.queue.rows.double(),
        )
        with torch.no_grad():
            q = [embed(method.moco.head, method.backbone, view).double() for view in views.views]
            both = normalize(method.moco.key(torch.cat([views.views[1], views.negative])), dim=1).double()
            k_0 = normalize(method.moco.key(views.views[0]), dim=1).double()
        wanted = info_nce_by_hand(q[0], both[:4], queue, both[4:])
        if symmetric == "yes":
            wanted = (wanted + info_nce_by_hand(q[1], k_0, queue)) / 2
        assert method(views, START).loss.item() == pytest.approx(wanted, rel=1e-5)
