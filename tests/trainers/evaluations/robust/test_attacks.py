"""Attacks against foolbox and against what they promise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from maskgen.trainers.evaluations.robust.attacks import fgsm, pgd


@pytest.fixture
def setting() -> tuple[nn.Module, Tensor, Tensor]:
    """A small smooth network, pictures, and the network's own answers."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.SiLU(), nn.Flatten(), nn.Linear(8 * 49, 6)
    ).eval()
    network.requires_grad_(False)
    pixels = torch.rand(24, 3, 16, 16)
    return network, pixels, network(pixels).argmax(1)


def accuracy(network: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return float((network(pixels).argmax(1) == labels).float().mean())


def test_fgsm_is_foolboxs_to_the_last_bit(setting: tuple[nn.Module, Tensor, Tensor]) -> None:
    foolbox: Any = pytest.importorskip("foolbox", reason="foolbox is not installed")
    network, pixels, labels = setting
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    for epsilon in (2 / 255, 16 / 255):
        attack = foolbox.attacks.LinfFastGradientAttack()
        _, theirs, fooled = attack(model, pixels, labels, epsilons=epsilon)
        ours = fgsm(network, pixels, labels, epsilon)
        assert torch.equal(ours, theirs)
        assert accuracy(network, ours, labels) == pytest.approx(1 - float(fooled.float().mean()))


def test_pgd_without_a_random_start_is_foolboxs(setting: tuple[nn.Module, Tensor, Tensor]) -> None:
    foolbox: Any = pytest.importorskip("foolbox", reason="foolbox is not installed")
    network, pixels, labels = setting
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(random_start=False)
    _, theirs, fooled = attack(model, pixels, labels, epsilons=4 / 255)
    ours = pgd(network, pixels, labels, 4 / 255, start=None)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    assert accuracy(network, ours, labels) == pytest.approx(1 - float(fooled.float().mean()))


@pytest.mark.parametrize("name", ["fgsm", "pgd"])
def test_pictures_stay_pictures_and_near(setting: tuple[nn.Module, Tensor, Tensor], name: str) -> None:
    network, pixels, labels = setting
    epsilon = 8 / 255
    start = torch.rand(pixels.shape) * 2 - 1
    changed = (
        fgsm(network, pixels, labels, epsilon)
        if name == "fgsm"
        else pgd(network, pixels, labels, epsilon, start=start)
    )
    assert 0 <= float(changed.min()) < float(changed.max()) <= 1
    assert float((changed - pixels).abs().max()) <= epsilon + 1e-6
    assert accuracy(network, changed, labels) < 1 == accuracy(network, pixels, labels)


def test_many_small_steps_go_further_than_one(setting: tuple[nn.Module, Tensor, Tensor]) -> None:
    network, pixels, labels = setting
    loss = nn.CrossEntropyLoss()
    one, many = fgsm(network, pixels, labels, 4 / 255), pgd(network, pixels, labels, 4 / 255, start=None)
    assert loss(network(many), labels) > loss(network(one), labels) > loss(network(pixels), labels)
