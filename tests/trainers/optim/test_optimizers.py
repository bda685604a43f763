from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from maskgen.trainers.methods import METHODS, Method
from maskgen.trainers.optim.optimizers import LARC, LARS, build_optimizer, set_rate
from maskgen.trainers.presets import PRESETS, Preset, find_preset


def by_hand(
    p: torch.Tensor,
    grads: list[torch.Tensor],
    *,
    lr: float,
    wd: float,
    mom: float,
    trust: float,
    law: str,
    nesterov: bool,
) -> torch.Tensor:
    """The papers' updates in float64, one tensor, written out."""
    p, moment = p.double().clone(), torch.zeros_like(p.double())
    for g in (grad.double() for grad in grads):
        if law == "lars":
            u = g + wd * p
            if p.norm() > 0 and u.norm() > 0:
                u = trust * p.norm() / u.norm() * u
        elif p.norm() > 0 and g.norm() > 0:
            u = trust * p.norm() / (g.norm() + wd * p.norm() + 1e-8) * (g + wd * p)
        else:
            u = g
        moment = mom * moment + u
        p = p - lr * (u + mom * moment if nesterov else moment)
    return p


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize(("kind", "law"), [(LARS, "lars"), (LARC, "larc")])
@pytest.mark.parametrize("shape", [(4, 3), (5,)])
def test_layerwise_rates_are_the_papers(
    kind: type[LARS], law: str, shape: tuple[int, ...], nesterov: bool
) -> None:
    generator = torch.Generator().manual_seed(3)
    start = torch.randn(shape, generator=generator)
    grads = [torch.randn(shape, generator=generator) for _ in range(6)]
    weight = nn.Parameter(start.clone())
    optimizer = kind(
        [{"params": [weight], "weight_decay": 0.1}], 0.7, momentum=0.9, trust=0.02, nesterov=nesterov
    )
    for grad in grads:
        weight.grad = grad.clone()
        optimizer.step()
    wanted = by_hand(start, grads, lr=0.7, wd=0.1, mom=0.9, trust=0.02, law=law, nesterov=nesterov)
    torch.testing.assert_close(weight.detach().double(), wanted, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("kind", [LARS, LARC])
def test_a_tensor_of_zeros_moves_by_its_plain_gradient(kind: type[LARS]) -> None:
    weight = nn.Parameter(torch.zeros(3))
    optimizer = kind([{"params": [weight], "weight_decay": 0.5}], 0.1, momentum=0.0)
    weight.grad = torch.tensor([1.0, -2.0, 0.0])
    optimizer.step()
    assert weight.tolist() == pytest.approx([-0.1, 0.2, 0.0])


@pytest.mark.parametrize("kind", [LARS, LARC])
def test_groups_that_are_not_adapted_are_sgd(kind: type[LARS]) -> None:
    generator = torch.Generator().manual_seed(0)
    ours, peers = ([nn.Parameter(torch.linspace(-1, 1, 6).reshape(2, 3))] for _ in range(2))
    own = kind([{"params": ours, "weight_decay": 0.3, "adapt": False}], 0.2, momentum=0.8)
    peer = torch.optim.SGD(peers, lr=0.2, momentum=0.8, weight_decay=0.3)
    for _ in range(5):
        ours[0].grad = torch.randn(2, 3, generator=generator)
        peers[0].grad = ours[0].grad.clone()
        own.step()
        peer.step()
    torch.testing.assert_close(ours[0], peers[0])


def test_a_saved_state_goes_on_bit_for_bit() -> None:
    def steps(optimizer: LARS, weight: nn.Parameter, start: int, end: int) -> None:
        for step in range(start, end):
            weight.grad = torch.sin(torch.arange(6.0) + step).reshape(2, 3)
            optimizer.step()

    def fresh() -> tuple[LARS, nn.Parameter]:
        weight = nn.Parameter(torch.ones(2, 3))
        return LARS([{"params": [weight], "weight_decay": 0.1, "name": "w"}], 0.5), weight

    whole, weight = fresh()
    steps(whole, weight, 0, 8)
    first, half = fresh()
    steps(first, half, 0, 4)
    second, rest = fresh()
    rest.data.copy_(half.data)
    second.load_state_dict(first.state_dict())
    steps(second, rest, 4, 8)
    assert torch.equal(rest, weight)


def made(preset: Preset, classes: int = 4) -> tuple[Method, torch.optim.Optimizer]:
    method = METHODS[preset.method](preset, classes=classes)
    return method, build_optimizer(method, preset)


def groups(optimizer: torch.optim.Optimizer) -> dict[int, dict[str, Any]]:
    return {id(p): group for group in optimizer.param_groups for p in group["params"]}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_trained_parameter_is_in_one_group(name: str) -> None:
    method, optimizer = made(PRESETS[name]["smoke"])
    listed = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(listed) == sorted(id(p) for p in method.parameters() if p.requires_grad)


def small(method: str, name: str) -> Preset:
    """A paper's optimizer on the smoke test's networks."""
    paper, tiny = find_preset(method, name), PRESETS[method]["smoke"]
    names = ("optimizer", "lr", "lr_scaling", "weight_decay", "exclude_1d", "trust", "momentum", "batch_size")
    return replace(tiny, **{field: getattr(paper, field) for field in names})


def test_byol_leaves_biases_and_norms_undecayed_and_unscaled() -> None:
    method, optimizer = made(small("byol", "imagenet-300"))
    where = groups(optimizer)
    assert isinstance(optimizer, LARS)
    assert not isinstance(optimizer, LARC)
    for name, parameter in method.named_parameters():
        if parameter.requires_grad:
            plain = parameter.ndim <= 1
            assert (where[id(parameter)]["weight_decay"] == 0) is plain, name
            assert where[id(parameter)]["adapt"] is not plain, name


def test_swav_scales_and_decays_everything() -> None:
    method, optimizer = made(small("swav", "imagenet-100"))
    where = groups(optimizer)
    assert isinstance(optimizer, LARC)
    trained = [p for p in method.parameters() if p.requires_grad]
    assert {(where[id(p)]["adapt"], where[id(p)]["weight_decay"]) for p in trained} == {(True, 1e-6)}


def test_moco_is_sgd_that_decays_norms_too() -> None:
    _, optimizer = made(small("mocov2", "imagenet-200"))
    assert type(optimizer) is torch.optim.SGD
    assert {(g["weight_decay"], g["momentum"], g["lr"]) for g in optimizer.param_groups} == {
        (1e-4, 0.9, 0.03)
    }


def test_simsiams_predictor_keeps_the_peak_rate() -> None:
    method, optimizer = made(PRESETS["simsiam"]["smoke"])
    set_rate(optimizer, 0.001, 0.05)
    where = groups(optimizer)
    assert {where[id(p)]["lr"] for p in method.predictor.parameters()} == {0.05}
    assert {where[id(p)]["lr"] for p in method.backbone.parameters()} == {0.001}


def test_adamw_takes_its_first_beta_from_the_momentum() -> None:
    _, optimizer = made(replace(PRESETS["byol"]["smoke"], optimizer="adamw", momentum=0.8))
    assert type(optimizer) is torch.optim.AdamW
    assert optimizer.param_groups[0]["betas"] == (0.8, 0.999)
