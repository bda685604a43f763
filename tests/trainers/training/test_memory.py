"""Steps that save memory against plain ones: gradients, statistics, and how much less they keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.profiler import ProfilerActivity, profile

from maskgen.errors import UsageError
from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import Method, Progress
from maskgen.trainers.presets import PRESETS, with_overrides
from maskgen.trainers.settings import Settings
from maskgen.trainers.training.memory import joint_loss_difference
from maskgen.trainers.training.step import Training, prepare

MakeViews = Callable[..., Views]
CPU, START = torch.device("cpu"), Progress(1, 10, 2.0)
GROUPED = ("mocov2", "cast", "knn-moco")  # two BatchNorm groups in their smoke presets
CHANGES = {"simclr": {"recipe": "simclr-bg-swaps"}, "mocov2": {"recipe": "mocov2-bg-swaps"}}
CASES = [*sorted(PRESETS), "msr on simsiam", "six views"]


def training(case: str, changes: dict[str, str] | None = None, **how: Any) -> Training:
    given = {"batch_size": "8", **CHANGES.get(case, {}), **(changes or {})}
    if case == "msr on simsiam":
        case, given = "msr", {**given, "framework": "simsiam"}
    if case == "six views":
        case, given = "simclr", {**given, "recipe": "relicv2"}
    preset = with_overrides(PRESETS[case]["smoke"], given)
    settings = Settings(data="shards", output=Path("run"), **how)
    return prepare(preset, settings, CPU, steps_per_epoch=4, classes=5)


def gradients(made: Training, views: Views, *, still: bool = False) -> tuple[Tensor, Tensor]:
    """The loss and all gradients of a step; `still`: BatchNorm by its running statistics."""
    if still:
        for norm in filter(lambda module: isinstance(module, _BatchNorm), made.method.modules()):
            norm.eval()
    made.method.before_step(START)
    loss = made.model(views, START).loss
    loss.backward()
    found = [p.grad.flatten() for p in made.method.parameters() if p.grad is not None]
    return loss.detach(), torch.cat(found)


def assert_same(found: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]) -> None:
    torch.testing.assert_close(found[0], wanted[0], rtol=1e-5, atol=1e-6)
    assert float((found[1] - wanted[1]).norm() / wanted[1].norm()) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(("case", "what"), [*product(CASES, ["views", "blocks", "both"])])
def test_recomputing_leaves_gradients_and_statistics_as_they_are(
    case: str, what: str, make_views: MakeViews
) -> None:
    plain, saving = training(case), training(case, recompute=what)
    views = make_views(plain.preset)
    assert_same(gradients(saving, views), gradients(plain, views))
    for name, value in plain.method.state_dict().items():
        assert torch.equal(saving.method.state_dict()[name], value), name


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_joint_loss_is_that_of_the_batch_where_batchnorm_does_not_mix(
    case: str, make_views: MakeViews
) -> None:
    """Running statistics: each image's features are its own, and parts make no difference."""
    plain, joint = training(case), training(case, accumulate=4, joint_loss=True, recompute="blocks")
    views = make_views(plain.preset)
    assert_same(gradients(joint, views, still=True), gradients(plain, views, still=True))


@pytest.mark.slow
@pytest.mark.parametrize("case", GROUPED)
def test_with_batchnorm_groups_a_joint_loss_is_exact_in_training_too(
    case: str, make_views: MakeViews
) -> None:
    plain, joint = training(case), training(case, accumulate=2, joint_loss=True)
    views = make_views(plain.preset)
    assert_same(gradients(joint, views), gradients(plain, views))
    for name, value in plain.method.state_dict().items():
        assert torch.equal(joint.method.state_dict()[name], value), name
    assert joint_loss_difference(joint.method, joint.settings) == ""
    finer = training(case, accumulate=4, joint_loss=True)
    assert "of a part of the batch, of 4" in joint_loss_difference(finer.method, finer.settings)


def in_parts(network: nn.Module, parts: int) -> Callable[[Tensor], Tensor]:
    """A backbone that takes its batch apart by itself, all passes kept."""
    return lambda images: torch.cat([network(part) for part in images.chunk(parts)])


@pytest.mark.slow
@pytest.mark.parametrize("case", ["byol", "relicv2", "simsiam", "msr", "supervised", "msr on simsiam"])
def test_otherwise_batchnorm_in_the_backbone_alone_is_that_of_parts(case: str, make_views: MakeViews) -> None:
    """Heads, negatives and the loss are the batch's: a plain step whose backbone alone works in parts."""
    plain, joint = training(case), training(case, accumulate=4, joint_loss=True)
    method: Any = plain.method
    method.encode = in_parts(method.backbone, 4)
    views = make_views(plain.preset)
    assert_same(gradients(joint, views), gradients(plain, views))
    for name, value in plain.method.state_dict().items():
        assert torch.equal(joint.method.state_dict()[name], value), name
    apart = gradients(training(case), views)
    assert float((apart[1] - gradients(joint, views)[1]).norm() / apart[1].norm()) > 1e-2, "it does matter"


@pytest.mark.slow
@pytest.mark.parametrize("case", ["swav", "six views"])
def test_a_part_has_all_crops_of_its_images(case: str, make_views: MakeViews) -> None:
    plain, joint = training(case), training(case, accumulate=2, joint_loss=True)
    method: Any = plain.method

    def encode_crops(crops: Sequence[Tensor]) -> Tensor:
        made: list[Tensor] = []
        for side in sorted({crop.shape[-1] for crop in crops}, reverse=True):
            same = [crop for crop in crops if crop.shape[-1] == side]
            halves = [method.backbone(torch.cat([c[h] for c in same])) for h in (slice(0, 4), slice(4, 8))]
            made += [torch.cat([half[4 * n : 4 * n + 4] for half in halves]) for n in range(len(same))]
        return torch.cat(made)

    method.encode_crops = encode_crops
    views = make_views(plain.preset)
    assert_same(gradients(joint, views), gradients(plain, views))


def test_negatives_of_a_joint_loss_are_those_of_the_batch(make_views: MakeViews) -> None:
    """In parts of two, SimCLR's smallest loss would be that of four negatives less."""
    plain = training("simclr", {"recipe": "simclr"})
    views = make_views(plain.preset)
    joint, parts = (
        training("simclr", {"recipe": "simclr"}, accumulate=4, joint_loss=value) for value in (True, False)
    )
    assert joint.settings.losses == 1
    assert parts.settings.losses == 4
    wanted = gradients(plain, views, still=True)[0]
    assert float(gradients(joint, views, still=True)[0]) == pytest.approx(float(wanted), rel=1e-5)


def peak_bytes(work: Callable[[], object]) -> int:
    """The most that torch's allocator holds at a time beyond its start, by torch's profiler."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        work()
    events: Any = found.profiler
    sizes = sorted(
        (e.start_ns(), e.nbytes()) for e in events.kineto_results.events() if e.name() == "[memory]"
    )
    held = torch.tensor([size for _, size in sizes]).cumsum(0)
    return int(held.max())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "how", "least"),
    [
        ("relicv2", {"recompute": "views"}, 3.0),
        ("relicv2", {"recompute": "both"}, 4.0),
        ("byol", {"recompute": "both"}, 2.0),
        ("simclr", {"accumulate": 8, "joint_loss": True}, 2.5),
    ],
)
def test_the_peak_is_lower(case: str, how: dict[str, Any], least: float, make_views: MakeViews) -> None:
    """RELICv2's six views keep one at a time; the small views have a fourth of a large one's pixels."""
    peaks = []
    for given in ({}, how):
        made = training(case, {"batch_size": "32", "head_hidden": "64"}, **given)
        views = make_views(made.preset, batch=32)
        peaks.append(peak_bytes(lambda made=made, views=views: gradients(made, views)))
    assert peaks[0] / peaks[1] > least


def test_a_backbone_without_batchnorm_needs_no_warning() -> None:
    joint = training("byol", accumulate=4, joint_loss=True)
    assert "--recompute both" in joint_loss_difference(joint.method, joint.settings)
    method: Method = joint.method
    method.backbone = nn.Conv2d(3, 4, 1)
    assert joint_loss_difference(method, joint.settings) == ""


def test_a_joint_loss_of_one_part_is_refused() -> None:
    with pytest.raises(UsageError, match="joint_loss is set, but the batch is computed in one part"):
        Settings(data="shards", output=Path("run"), joint_loss=True)
