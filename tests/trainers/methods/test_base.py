"""What holds for every method: learning, determinism, a complete state, gradients where they belong."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch

from maskgen.errors import UsageError
from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import METHODS, Method, Progress, StepOutput
from maskgen.trainers.presets import PRESETS, Preset, with_overrides

MakeViews = Callable[..., Views]
STEPS = 12
VARIANTS = {name: (name, "smoke", {}) for name in METHODS} | {
    "bg-swaps": ("mocov2", "smoke", {"recipe": "mocov2-bg-swaps"}),
    "msr on simsiam": ("msr", "smoke", {"framework": "simsiam"}),
    "cast as its code": ("cast", "smoke", {"attention_map": "minmax", "attention_over": "batch"}),
    "knn with neighbors": ("knn-moco", "smoke", {"neighbor_start_epoch": "0"}),
    "simclr with six views": ("simclr", "smoke", {"recipe": "relicv2"}),
    "simclr with bg-swaps": ("simclr", "smoke", {"recipe": "simclr-bg-swaps"}),
}


def preset_of(variant: str) -> Preset:
    method, name, changes = VARIANTS[variant]
    return with_overrides(PRESETS[method][name], changes)


def build(preset: Preset, seed: int = 0) -> tuple[Method, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    method = METHODS[preset.method](preset, classes=5)
    return method, torch.optim.SGD(method.parameter_groups(preset), lr=0.03, momentum=0.9)


def train_step(method: Method, optimizer: torch.optim.Optimizer, views: Views, step: int) -> StepOutput:
    progress = Progress(step, STEPS, step / 3)
    method.before_step(progress)
    out = method(views, progress)
    optimizer.zero_grad()
    out.loss.backward()
    optimizer.step()
    method.after_step(progress)
    return out


@pytest.fixture(params=VARIANTS)
def preset(request: pytest.FixtureRequest) -> Preset:
    return preset_of(request.param)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_losses(preset: Preset, make_views: MakeViews) -> None:
    runs = []
    for seed in (0, 0, 1):
        method, optimizer = build(preset, seed)
        torch.manual_seed(99 + len(runs))  # nothing below may draw from the global generator
        runs.append(
            [train_step(method, optimizer, make_views(preset, seed=s), s).loss.item() for s in range(3)]
        )
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.slow
def test_a_saved_state_continues_as_if_never_stopped(preset: Preset, make_views: MakeViews) -> None:
    straight, optimizer = build(preset)
    for step in range(3):
        train_step(straight, optimizer, make_views(preset, seed=step), step)
    resumed, again = build(preset, seed=5)
    resumed.load_state_dict(straight.state_dict(), strict=True)
    again.load_state_dict(deepcopy(optimizer.state_dict()))
    for step in (3, 4):
        views = make_views(preset, seed=step)
        one, other = train_step(straight, optimizer, views, step), train_step(resumed, again, views, step)
        assert one.loss.item() == other.loss.item()
        assert {k: v.item() for k, v in one.metrics.items()} == {
            k: v.item() for k, v in other.metrics.items()
        }
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@pytest.mark.slow
def test_gradients_reach_all_that_is_trained_and_nothing_else(preset: Preset, make_views: MakeViews) -> None:
    method, _ = build(preset)
    progress = Progress(5, STEPS, 2.0)
    method.before_step(progress)
    out = method(make_views(preset), progress)
    out.loss.backward()
    for name, parameter in method.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
        else:
            assert parameter.grad is None, name
    moved = [n for n, p in method.named_parameters() if p.grad is not None and p.grad.abs().max() > 1e-9]
    assert any(name.startswith("backbone.conv1") for name in moved)
    assert not any(value.requires_grad for value in out.metrics.values())
    assert all(torch.isfinite(value) and value.ndim == 0 for value in out.metrics.values())


@pytest.mark.slow
def test_a_step_lowers_the_loss_of_its_batch(preset: Preset, make_views: MakeViews) -> None:
    """Along the negative gradient, with all else held: the gradient is the loss's."""
    if preset.method == "knn-moco":
        preset = replace(preset, neighbors=preset.queue)  # the nearest ones change by jumps
    method, _ = build(preset)
    progress, views = Progress(0, STEPS, 1.0), make_views(preset, batch=16)
    method.before_step(progress)
    state = {name: value.clone() for name, value in method.state_dict().items()}
    before = method(views, progress).loss
    before.backward()
    trained = [p for p in method.parameters() if p.grad is not None]
    size = torch.stack([p.grad.square().sum() for p in trained if p.grad is not None]).sum().item()
    for name, value in method.named_buffers():
        value.copy_(state[name])
    with torch.no_grad():
        for p in trained:
            if p.grad is not None:
                p.sub_(p.grad, alpha=2e-4 / size)
    after = method(views, progress).loss
    # MSR and SimSiam hold one side still, so that their loss falls by another amount than its gradient says.
    expected = {"msr": None, "simsiam": None}.get(preset.method, 2e-4)
    assert after.item() < before.item()
    if expected is not None:
        assert before.item() - after.item() == pytest.approx(expected, rel=0.25)


@pytest.mark.slow
def test_a_step_that_was_given_up_leaves_no_trace(preset: Preset, make_views: MakeViews) -> None:
    clean, optimizer = build(preset)
    method, other = build(preset)
    method.eval(), clean.eval()  # BatchNorm's running statistics do see the batch
    progress = Progress(0, STEPS, 2.0)
    method.before_step(progress)
    method(make_views(preset, seed=7), progress)  # not finite, say: no backward, no after_step
    for step in (0, 1):
        views = make_views(preset, seed=step)
        losses = [
            train_step(*pair, views, step).loss.item() for pair in ((clean, optimizer), (method, other))
        ]
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)  # SwAV's rows of length 1 are normalized again


@pytest.mark.slow
def test_every_trained_parameter_is_in_one_group(preset: Preset) -> None:
    for excluded in (False, True):
        changed = replace(preset, exclude_1d=excluded, weight_decay=0.01)
        method, _ = build(changed)
        groups = method.parameter_groups(changed)
        found = [id(p) for group in groups for p in group["params"]]
        assert sorted(found) == sorted(id(p) for p in method.parameters() if p.requires_grad)
        for group in groups:
            plain = excluded and all(p.ndim <= 1 for p in group["params"])
            assert group["weight_decay"] == (0.0 if plain else 0.01)
            assert group["adapt"] is not plain
            assert plain or not excluded or all(p.ndim > 1 for p in group["params"])
        fixed = [group for group in groups if group["fixed_lr"]]
        assert bool(fixed) == (preset.method == "simsiam")


@pytest.mark.slow
def test_features_are_the_backbones(preset: Preset) -> None:
    method, _ = build(preset)
    method.eval()
    images = torch.randn(3, 3, 32, 32)
    assert torch.equal(method.features(images), method.backbone(images))
    assert method.features(images).shape == (3, 64)


@pytest.mark.slow
def test_bfloat16_autocast_gives_a_near_float32_loss(preset: Preset, make_views: MakeViews) -> None:
    method, _ = build(preset)
    views, progress = make_views(preset), Progress(0, STEPS, 0.0)
    exact = method(views, progress).loss
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = method(views, progress)
    out.loss.backward()
    assert out.loss.dtype == torch.float32
    assert out.loss.item() == pytest.approx(exact.item(), rel=0.05, abs=0.05)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "supervised"])
def test_a_batch_with_too_few_views_is_refused(name: str, make_views: MakeViews) -> None:
    preset = PRESETS[name]["smoke"]
    views = make_views(preset)
    method, _ = build(preset)
    with pytest.raises(UsageError, match="the batch has 1"):
        method(replace(views, views=views.views[:1]), Progress(0, STEPS, 0.0))


@pytest.mark.parametrize("name", ["cast", "msr", "supervised"])
def test_a_batch_with_more_views_than_are_used_is_refused(name: str, make_views: MakeViews) -> None:
    preset = PRESETS[name]["smoke"]
    views = make_views(preset)
    method, _ = build(preset)
    more = (*views.views, views.views[0])
    with pytest.raises(UsageError, match=f"the batch has {len(more)}"):
        method(replace(views, views=more), Progress(0, STEPS, 0.0))


@pytest.mark.parametrize("name", ["simsiam", "byol", "swav", "relicv2", "msr", "supervised"])
def test_a_batch_with_negatives_that_are_not_used_is_refused(name: str, make_views: MakeViews) -> None:
    preset = PRESETS[name]["smoke"]
    views = make_views(preset)
    method, _ = build(preset)
    with pytest.raises(UsageError, match=f"{name} has no negatives"):
        method(replace(views, negative=views.views[0]), Progress(0, STEPS, 0.0))


@pytest.mark.parametrize(("name", "part"), [("msr", "weak"), ("cast", "masked"), ("cast", "cam_masks")])
def test_a_batch_without_what_the_method_needs_is_refused(
    name: str, part: str, make_views: MakeViews
) -> None:
    preset = PRESETS[name]["smoke"]
    method, _ = build(preset)
    with pytest.raises(UsageError, match="the recipe does not ask for it"):
        method(replace(make_views(preset), **{part: ()}), Progress(0, STEPS, 0.0))


@pytest.mark.parametrize(
    ("name", "hook"), [("byol", "after_step"), ("relicv2", "after_step"), ("msr", "before_step")]
)
def test_when_and_how_the_target_follows(name: str, hook: str, still: Callable[..., Any]) -> None:
    method = still(name, apart=True, ema="0.9", ema_final="1.0")
    old = [p.clone() for p in method.target.parameters()]
    online = [*method.backbone.parameters(), *method.projector.parameters()]
    other = {"after_step": "before_step", "before_step": "after_step"}[hook]
    getattr(method, other)(Progress(5, 10, 0.0))
    assert all(torch.equal(a, b) for a, b in zip(method.target.parameters(), old, strict=True))
    getattr(method, hook)(Progress(5, 10, 0.0))  # half way: 0.95
    for now, before, new in zip(method.target.parameters(), old, online, strict=True):
        torch.testing.assert_close(now, 0.95 * before + 0.05 * new)
