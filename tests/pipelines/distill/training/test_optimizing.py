"""The steps of AdamW and their average against torch's own schedule and a plain sum."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from maskgen.pipelines.distill.settings.presets import Phase  # noqa: E402
from maskgen.pipelines.distill.training.optimizing import BETAS, SOON, Optimizing  # noqa: E402

COSINE: dict[str, Any] = {"lr": 0.02, "batch_size": 2, "schedule": "cosine", "weight_decay": 0.1}


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.ModuleDict(
        {"encoder": nn.Linear(3, 4), "decoder": nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 1))}
    )


def give_gradients(net: nn.Module, step: int) -> None:
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(step))
    net.zero_grad()
    net["decoder"](net["encoder"](x)).square().mean().backward()  # type: ignore[index]


def optimizing(net: nn.Module, steps: int = 5, **given: Any) -> Optimizing:
    return Optimizing(net, Phase(**{"epochs": 2, **COSINE, **given}), steps)


def scaler() -> Any:
    return torch.amp.GradScaler("cpu", enabled=False)


def test_ten_steps_are_those_of_torchs_adamw_under_a_cosine_with_warm_up() -> None:
    mine, plain = network(), network()
    ours = optimizing(mine, warmup=3, encoder_lr=0.25, clip=0.05)
    theirs = torch.optim.AdamW(
        [{"params": plain["decoder"].parameters()}, {"params": plain["encoder"].parameters(), "lr": 0.005}],  # type: ignore[index]
        lr=0.02,
        betas=BETAS,
        weight_decay=0.1,
    )
    share = torch.optim.lr_scheduler.LambdaLR(
        theirs, lambda done: min(1, (done + 1) / 3) * (1 + math.cos(math.pi * done / 10)) / 2
    )
    for step in range(10):
        give_gradients(mine, step)
        ours.step(scaler())
        give_gradients(plain, step)
        nn.utils.clip_grad_norm_(plain.parameters(), 0.05)
        theirs.step()
        share.step()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(ours.weights()[name], value)


def test_what_is_frozen_does_not_move() -> None:
    net = network()
    net["encoder"].requires_grad_(False)  # type: ignore[index]
    before = net["encoder"].weight.clone()  # type: ignore[index]
    ours = optimizing(net)
    for step in range(3):
        give_gradients(net, step)
        ours.step(scaler())
    assert torch.equal(net["encoder"].weight, before)  # type: ignore[index]


def test_the_average_is_the_sum_by_hand_and_is_what_is_used() -> None:
    net = network()
    ours = optimizing(net, ema=0.5)
    name = "decoder.1.weight"
    wanted = net.state_dict()[name].clone()
    for step in range(12):
        give_gradients(net, step)
        ours.step(scaler())
        keep = min(0.5, (step + 1) / (step + 1 + SOON))
        wanted = keep * wanted + (1 - keep) * net.state_dict()[name]
    torch.testing.assert_close(ours.weights()[name], wanted)
    assert not torch.equal(ours.weights()[name], net.state_dict()[name])
    assert int(ours.weights()["decoder.0.num_batches_tracked"]) == 12  # a count is no average


def test_without_an_average_the_weights_themselves_are_used() -> None:
    net = network()
    ours = optimizing(net)
    give_gradients(net, 0)
    ours.step(scaler())
    assert all(torch.equal(ours.weights()[name], value) for name, value in net.state_dict().items())


def test_a_stopped_training_goes_on_to_the_same_bits() -> None:
    straight, stopped = network(), network()
    one, other = optimizing(straight, ema=0.9, warmup=2), optimizing(stopped, ema=0.9, warmup=2)
    for step in range(10):
        give_gradients(straight, step)
        one.step(scaler())
    for step in range(5):
        give_gradients(stopped, step)
        other.step(scaler())
    again = network(seed=1)
    again.load_state_dict(stopped.state_dict())
    resumed = optimizing(again, ema=0.9, warmup=2)
    resumed.load_state_dict(other.state_dict(), epoch=1)
    for step in range(5, 10):
        give_gradients(again, step)
        resumed.step(scaler())
    assert all(torch.equal(resumed.weights()[name], value) for name, value in one.weights().items())


def test_an_average_of_another_network_is_no_state_of_this_one() -> None:
    state = optimizing(network(), ema=0.9).state_dict()
    state["average"].pop("decoder.1.weight")
    with pytest.raises(KeyError):
        optimizing(network(), ema=0.9).load_state_dict(state, epoch=0)


def test_by_the_epoch_the_rate_falls_as_the_polynomial_says() -> None:
    ours = Optimizing(network(), Phase(epochs=4, lr=0.1, batch_size=2, power=0.9), 5)
    rates = []
    for epoch in range(4):
        ours.begin_epoch(epoch)
        rates.append(ours.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.1 * (1 - epoch / 4) ** 0.9 for epoch in range(4)])
