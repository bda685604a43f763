"""The network against torchvision's dilated ResNet and convolutions written out."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional
from torchvision.models import resnet18, resnet50
from torchvision.models._utils import IntermediateLayerGetter

from maskgen.trainers.evaluations.fcn.network import new_fcn
from maskgen.trainers.networks.backbones import build_backbone

CPU = torch.device("cpu")
IMAGES = torch.randn(2, 3, 65, 97, generator=torch.Generator().manual_seed(0))


@pytest.mark.slow
def test_the_backbone_is_torchvisions_dilated_one() -> None:
    network = build_backbone("resnet50")[0].eval()
    model = new_fcn(network, 5, dilation=6, seed=0, device=CPU).eval()
    theirs = resnet50(replace_stride_with_dilation=[False, False, True])
    theirs.fc = torch.nn.Identity()  # type: ignore[assignment]
    theirs.load_state_dict(network.state_dict())
    getter = IntermediateLayerGetter(theirs.eval(), {"layer4": "out"})
    with torch.no_grad():
        maps = getter(IMAGES[:1])["out"]
        assert maps.shape == (1, 2048, 5, 7)
        logits = functional.interpolate(model.head(maps), size=(65, 97), mode="bilinear")
        torch.testing.assert_close(model(IMAGES[:1]), logits, rtol=1e-4, atol=1e-5)
    assert {name.removeprefix("backbone.") for name in model.state_dict() if "backbone" in name} == set(
        network.state_dict()
    )


def test_the_head_is_two_dilated_convolutions_and_a_classifier() -> None:
    model = new_fcn(build_backbone("tiny")[0], 5, dilation=3, seed=0, device=CPU).eval()
    maps = torch.randn(2, 64, 9, 13)
    weights = model.head.state_dict()
    found = maps
    for number in (0, 3):
        found = functional.conv2d(found, weights[f"{number}.weight"], padding=3, dilation=3)
        norm = model.head[number + 1]
        found = functional.relu(found / (1 + norm.eps) ** 0.5)  # its statistics are still 0 and 1
    logits = functional.conv2d(found, weights["6.weight"], weights["6.bias"])
    torch.testing.assert_close(model.head(maps), logits, rtol=1e-4, atol=1e-6)
    assert weights["0.weight"].std() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.01)
    assert weights["6.weight"].std() == pytest.approx(0.01, rel=0.1)
    assert not weights["6.bias"].any()


def test_logits_have_the_inputs_size_and_the_network_stays_as_it_is() -> None:
    for network, strides in ((build_backbone("tiny")[0], (-1, 0)), (resnet18(), (-1, 8, 0))):
        network.eval().requires_grad_(False)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        for stride in strides:
            model = new_fcn(network, 4, dilation=1, seed=1, device=CPU, stride=stride)
            model.train()(IMAGES).sum().backward()
            assert model(IMAGES).shape == (2, 4, 65, 97)
            assert all(one.requires_grad for one in model.parameters())
        assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())
        assert not any(one.requires_grad for one in network.parameters())


def test_the_head_follows_from_the_seed() -> None:
    network = build_backbone("tiny")[0]
    heads = [new_fcn(network, 4, dilation=1, seed=seed, device=CPU).head[0].weight for seed in (0, 0, 1)]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
