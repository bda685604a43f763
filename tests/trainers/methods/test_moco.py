"""MoCo v2 with BG_Swaps, CAST and kNN-MoCo: order of a step, the extra negative, the attention, the neighbors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, cosine_similarity, cross_entropy, log_softmax, normalize

from maskgen.trainers import losses
from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import METHODS, Method, Progress
from maskgen.trainers.networks.backbones import feature_maps
from maskgen.trainers.presets import PRESETS, with_overrides

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


def still(name: str, **changes: str) -> Any:
    """A method in eval mode, where each image's embedding is its own."""
    torch.manual_seed(0)
    return METHODS[name](with_overrides(PRESETS[name]["smoke"], changes), classes=5).eval()


def embed(head: nn.Module, encoder: nn.Module, images: Tensor) -> Tensor:
    return normalize(head(encoder(images)), dim=1)


def apart(method: Method) -> None:
    """Make the key network differ from the query's."""
    with torch.no_grad():
        for parameter in method.backbone.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))


# --- MoCo v2


def test_the_loss_is_info_nce_with_the_old_queue(make_views: MakeViews) -> None:
    method = still("mocov2")
    apart(method)
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


def test_the_key_network_follows_before_the_keys_are_made(make_views: MakeViews) -> None:
    method = still("mocov2", ema="0.25")
    apart(method)
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
    make_views: MakeViews, monkeypatch: pytest.MonkeyPatch
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


def test_all_rows_can_be_matched(make_views: MakeViews, monkeypatch: pytest.MonkeyPatch) -> None:
    method = still("mocov2", recipe="mocov2-bg-swaps", negative_p="1")
    views = replace(make_views(method.preset), matched=torch.ones(8, dtype=torch.bool))
    _, n = swaps(method, views, monkeypatch)
    torch.testing.assert_close(n, normalize(method.moco.key(views.negative), dim=1))


def test_there_is_room_for_all_but_freak_batches() -> None:
    """Binomial(256, 0.2) exceeds the room less than once in 10,000 batches."""
    method = still("mocov2", recipe="mocov2-bg-swaps")
    room = method._room(256)
    draws = torch.distributions.Binomial(256, torch.tensor(0.2)).sample((200_000,))
    assert room < 256 / 2
    assert (draws > room).float().mean() < 1e-4
    assert method._room(1) == 1


def test_positives_and_negatives_share_one_key_forward(make_views: MakeViews) -> None:
    method = still("mocov2", recipe="mocov2-bg-swaps", negative_p="1", bn_groups="1").train()
    sizes: list[int] = []
    method.moco.key[0].register_forward_hook(lambda _net, given, _out: sizes.append(len(given[0])))
    method(make_views(method.preset), START)
    assert sizes == [16]


def test_keys_are_normalized_among_other_images_than_their_queries(make_views: MakeViews) -> None:
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


def test_only_the_positive_keys_enter_the_queue(make_views: MakeViews) -> None:
    method = still("mocov2", recipe="mocov2-bg-swaps", negative_p="1")
    views = make_views(method.preset)
    method(views, START)
    method.after_step(START)
    assert int(method.moco.queue.filled) == 8
    torch.testing.assert_close(method.moco.queue.rows[:8], normalize(method.moco.key(views.views[1]), dim=1))


# --- CAST


def cast_by_hand(method: Any, views: Views) -> tuple[Tensor, Tensor]:
    """Contrast and attention loss, with the gradient of the score taken by finite differences."""
    maps = feature_maps(method.backbone, views.views[0]).detach().double()
    head = method.moco.head.double()
    k_m = normalize(method.moco.key(views.masked[1]), dim=1).double()

    def score(a: Tensor) -> Tensor:
        return (normalize(head(a.mean(dim=(2, 3))), dim=1) * k_m).sum(1)

    # The score sees the mean over places alone, so all places of a channel have the same derivative.
    alpha = torch.zeros(maps.shape[:2], dtype=torch.float64)
    for channel in range(maps.shape[1]):
        step = torch.zeros_like(maps)
        step[:, channel, 0, 0] = 1e-5
        alpha[:, channel] = (score(maps + step) - score(maps - step)).detach() / 2e-5
    cam = (alpha[:, :, None, None] * maps).sum(1).clamp_min(0)
    mask = views.cam_masks[0].double()
    attention = (1 - cosine_similarity(cam.flatten(1), mask.flatten(1))) * mask.flatten(1).any(1)
    q, k = (
        normalize(head(maps.mean((2, 3))), dim=1),
        normalize(method.moco.key(views.views[1]), dim=1).double(),
    )
    logits = (
        torch.cat([(q * k).sum(1, keepdim=True), q @ method.moco.queue.rows.double().T], 1)
        / method.preset.temperature
    )
    contrast = -log_softmax(logits, 1)[:, 0].mean()
    method.moco.head.float()
    return contrast, attention.mean()


@pytest.mark.parametrize("normalized", [True, False])
def test_casts_loss_by_finite_differences(normalized: bool, make_views: MakeViews) -> None:
    method = still("cast", normalize_weights=str(normalized))
    views = make_views(method.preset)
    assert views.cam_masks[0].shape == (8, 7, 7)
    out = method(views, START)
    contrast, attention = cast_by_hand(method, views)
    wanted = (contrast + 3 * attention) / (4 if normalized else 1)
    assert out.metrics["attention"].item() == pytest.approx(attention.item(), rel=1e-4)
    assert out.loss.item() == pytest.approx(wanted.item(), rel=1e-4)


def test_an_empty_mask_has_no_attention_and_no_gradient_from_it(make_views: MakeViews) -> None:
    method = still("cast", normalize_weights="no")
    views = make_views(method.preset)
    empty = replace(views, cam_masks=(torch.zeros(8, 7, 7), views.cam_masks[1]))
    out = method(empty, START)
    assert out.metrics["attention"].item() == 0
    assert out.loss.item() == pytest.approx(out.metrics["contrast"].item())
    out.loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in method.backbone.parameters())


def test_a_finer_mask_is_averaged_to_the_map(make_views: MakeViews) -> None:
    method = still("cast")
    views = make_views(method.preset)
    fine = torch.rand(8, 14, 14)
    coarse = adaptive_avg_pool2d(fine[:, None], (7, 7))[:, 0]
    results = [
        method(replace(views, cam_masks=(mask, None)), START).metrics["attention"] for mask in (fine, coarse)
    ]
    torch.testing.assert_close(results[0], results[1])


def test_attention_learns_to_look_at_the_mask(make_views: MakeViews) -> None:
    """Enough steps on one batch must bring the map to the mask: the second derivatives point the right way."""
    torch.manual_seed(0)
    method = still("cast", attention_weight="10").train()
    views = make_views(method.preset)
    views = replace(views, cam_masks=(torch.zeros(8, 7, 7).index_fill(2, torch.arange(3), 1.0), None))
    optimizer = torch.optim.Adam([p for p in method.parameters() if p.requires_grad], lr=3e-3)
    values = []
    for step in range(40):
        progress = Progress(step, 40, 0.0)
        method.before_step(progress)
        out = method(views, progress)
        optimizer.zero_grad()
        out.loss.backward()
        optimizer.step()
        method.after_step(progress)
        values.append(out.metrics["attention"].item())
    assert values[-1] < values[0] - 0.1


# --- kNN-MoCo


def test_every_positive_meets_its_anchor_and_its_neighbors(make_views: MakeViews) -> None:
    method = still("knn-moco")
    apart(method)
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


def test_neighbors_wait_for_their_epoch(make_views: MakeViews) -> None:
    method = still("knn-moco", neighbor_start_epoch="1")
    views = make_views(method.preset)
    assert "neighbors" not in method(views, Progress(0, 10, 0.99)).metrics
    assert "neighbors" in method(views, Progress(0, 10, 1.0)).metrics


def test_both_queues_hold_the_same_anchors(make_views: MakeViews) -> None:
    method = still("knn-moco")
    views = make_views(method.preset)
    method(views, START)
    method.after_step(START)
    features = method.moco.key[0](views.views[1])
    torch.testing.assert_close(method.feature_queue.rows[:8], normalize(features, dim=1))
    torch.testing.assert_close(method.moco.queue.rows[:8], normalize(method.moco.key[1](features), dim=1))
