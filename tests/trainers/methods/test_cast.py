"""CAST's loss by finite differences, masks that are empty or finer, and attention that moves to the mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, cosine_similarity, log_softmax, normalize

from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import Progress
from maskgen.trainers.networks.backbones import feature_maps

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


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
def test_casts_loss_by_finite_differences(
    normalized: bool, make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("cast", normalize_weights=str(normalized))
    views = make_views(method.preset)
    assert views.cam_masks[0].shape == (8, 7, 7)
    out = method(views, START)
    contrast, attention = cast_by_hand(method, views)
    wanted = (contrast + 3 * attention) / (4 if normalized else 1)
    assert out.metrics["attention"].item() == pytest.approx(attention.item(), rel=1e-4)
    assert out.loss.item() == pytest.approx(wanted.item(), rel=1e-4)


def test_an_empty_mask_has_no_attention_and_no_gradient_from_it(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("cast", normalize_weights="no")
    views = make_views(method.preset)
    empty = replace(views, cam_masks=(torch.zeros(8, 7, 7), views.cam_masks[1]))
    out = method(empty, START)
    assert out.metrics["attention"].item() == 0
    assert out.loss.item() == pytest.approx(out.metrics["contrast"].item())
    out.loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in method.backbone.parameters())


@pytest.mark.parametrize("groups", ["1", "2"])
@pytest.mark.parametrize("weight", ["0", "3"])
def test_corrupting_masks_moves_no_contrast_in_train_mode(
    weight: str, groups: str, make_views: MakeViews, still: Callable[..., Any]
) -> None:
    """Keys have BatchNorm statistics of their own: those of the masked forms are none of theirs."""
    method = still("cast", attention_weight=weight, bn_groups=groups).train()
    views = make_views(method.preset)
    blank = replace(
        views,
        masked=(None, torch.zeros_like(views.masked[1])),
        cam_masks=(torch.ones(8, 7, 7), torch.ones(8, 7, 7)),
    )
    whole, spoilt = (method(one, START) for one in (views, blank))
    assert spoilt.metrics["contrast"].item() == whole.metrics["contrast"].item()
    assert spoilt.metrics["accuracy"].item() == whole.metrics["accuracy"].item()
    assert (spoilt.loss.item() == whole.loss.item()) is (weight == "0")


def test_keys_in_train_mode_are_those_of_a_forward_of_their_own(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    """Worked out from the parts, with one BatchNorm group: its order is nothing to the statistics."""
    method = still("cast", bn_groups="1").train()
    views = make_views(method.preset)
    k = normalize(method.moco.key(views.views[1]), dim=1)
    q = normalize(method.moco.head(feature_maps(method.backbone, views.views[0]).mean((2, 3))), dim=1)
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ method.moco.queue.rows.T], 1)
    contrast = -log_softmax(logits / method.preset.temperature, 1)[:, 0].mean()
    assert method(views, START).metrics["contrast"].item() == pytest.approx(contrast.item(), rel=1e-5)


def test_a_finer_mask_is_averaged_to_the_map(make_views: MakeViews, still: Callable[..., Any]) -> None:
    method = still("cast")
    views = make_views(method.preset)
    fine = torch.rand(8, 14, 14)
    coarse = adaptive_avg_pool2d(fine[:, None], (7, 7))[:, 0]
    results = [
        method(replace(views, cam_masks=(mask, None)), START).metrics["attention"] for mask in (fine, coarse)
    ]
    torch.testing.assert_close(results[0], results[1])


@pytest.mark.slow
def test_attention_learns_to_look_at_the_mask(make_views: MakeViews, still: Callable[..., Any]) -> None:
    """Enough steps on one batch must bring the map to the mask: the second derivatives point the right
    way.
    """
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


def test_the_contrast_in_training_has_the_matched_negative(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    changes = {"recipe": "cast-bg-swaps", "negative_p": "1", "bn_groups": "1", "queue": "32"}
    method = still("cast", **changes).train()
    views = make_views(method.preset, batch=4)
    views = replace(views, matched=torch.ones(4, dtype=torch.bool))
    with torch.no_grad():
        q = normalize(method.moco.head(method.backbone(views.views[0])), dim=1)
        k, n = normalize(method.moco.key(torch.cat([views.views[1], views.negative])), dim=1).chunk(2)
        queue = method.moco.queue.rows
        logits = [
            torch.stack([q[i] @ k[i], *(queue @ q[i]), q[i] @ n[i]]) / method.preset.temperature
            for i in range(4)
        ]
    wanted = -sum(log_softmax(row.double(), 0)[0].item() for row in logits) / 4
    out = method(views, START)
    assert out.metrics["contrast"].item() == pytest.approx(wanted, rel=1e-5)
    method.after_step(START)
    torch.testing.assert_close(method.moco.queue.rows[:4], k)
    assert int(method.moco.queue.filled) == 4  # neither masked keys nor negatives


@pytest.mark.parametrize("phi", ["0", "none"])
def test_without_attention_it_is_moco_on_the_controls_views(
    make_views: MakeViews, still: Callable[..., Any], phi: str
) -> None:
    """MoCo-COCO and "+ Constrained Crop" of table 1 are presets of mocov2 that make no masks."""
    shared = {"queue": "64", "bn_groups": "2", "head": "linear", "view_px": "56", "temperature": "0.07"}
    cast = still("cast", attention_weight="0", fg_min=phi, **shared).train()
    recipe = "cast-crop" if phi == "none" else "cast-plain"
    moco = still("mocov2", recipe=recipe, **shared).train()
    assert [v.crop for v in cast.preset.views.views] == [v.crop for v in moco.preset.views.views]
    assert [v.photometric for v in cast.preset.views.views] == [
        v.photometric for v in moco.preset.views.views
    ]
    views = make_views(cast.preset)
    ours, theirs = cast(views, START), moco(views, START)
    assert ours.loss.item() == pytest.approx(theirs.loss.item(), rel=1e-6)
    ours.loss.backward()
    theirs.loss.backward()
    for one, two in zip(cast.backbone.parameters(), moco.backbone.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad)
