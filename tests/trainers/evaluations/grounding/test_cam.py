"""Grad-CAM: a linear network by hand, any network by finite differences, and what a hook must leave alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.grounding.cam import GradCam, enlarge, last_maps
from maskgen.trainers.networks.backbones import build_backbone, feature_maps

CPU = torch.device("cpu")


def network(name: str = "tiny") -> nn.Module:
    torch.manual_seed(0)
    return build_backbone(name)[0].eval()


def test_of_pooled_maps_and_a_linear_score_it_is_the_weighted_sum() -> None:
    """f = mean over places, s = w·f: alpha = w / places, so that the map is ReLU(sum_c w_c A_c) / places."""
    maps, weights = torch.randn(2, 3, 4, 5), torch.tensor([2.0, -1.0, 0.5])
    linear = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found = GradCam(linear, "0")(maps, lambda features: features @ weights)
    expected = torch.einsum("c,bchw->bhw", weights, maps).relu() / 20
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("name", "layer"), [("tiny", "layer2"), ("tiny", "layer3")])
def test_weights_are_finite_differences_of_each_channel(name: str, layer: str) -> None:
    """d s / d A_c, the mean over places, is how s moves when all of channel c is raised by e, over places."""
    net = network(name).double()
    images, direction = (
        torch.randn(1, 3, 64, 64).double(),
        torch.randn(net(torch.zeros(1, 3, 64, 64).double()).shape[1]).double(),
    )
    raised = torch.zeros(0)
    kept: list[Tensor] = []

    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        kept[:] = [output.detach()]
        return output + raised if len(raised) else output

    handle = dict(net.named_modules())[layer].register_forward_hook(hook)
    with torch.no_grad():
        net(images)
        maps, slopes = kept[0], []
        channels, places = maps.shape[1], maps.shape[2] * maps.shape[3]
        for channel in range(channels):
            ends = []
            for sign in (1, -1):
                raised = torch.zeros(1, channels, 1, 1).double()
                raised[0, channel] = sign * 1e-6
                ends.append(float((net(images) @ direction).sum()))
            slopes.append((ends[0] - ends[1]) / 2e-6 / places)
    handle.remove()
    expected = torch.einsum("c,chw->hw", torch.tensor(slopes).double(), maps[0]).relu()
    found = GradCam(net, layer)(images, lambda features: features @ direction)[0].double()
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-5 * float(expected.max()))


def test_the_last_layer_is_the_one_whose_maps_are_pooled() -> None:
    for name in ("tiny", "resnet18"):
        net, images = network(name), torch.randn(2, 3, 64, 64)
        layer = last_maps(net, 64, CPU)
        assert layer == {"tiny": "layer3", "resnet18": "layer4"}[name]
        kept: list[Tensor] = []
        handle = dict(net.named_modules())[layer].register_forward_hook(lambda *given: kept.append(given[2]))  # noqa: B023
        net(images)
        handle.remove()
        assert torch.equal(kept[0], feature_maps(net, images))


def test_images_do_not_touch_one_another() -> None:
    net, images = network(), torch.randn(3, 3, 32, 32)
    cam = GradCam(net, "layer3")
    together = cam(images, lambda features: features.square().sum(1))
    for number in range(3):
        alone = cam(images[number : number + 1], lambda features: features.square().sum(1))
        assert torch.allclose(together[number], alone[0], atol=1e-5)


def test_a_network_in_training_is_left_as_it_was() -> None:
    net, images = network(), torch.randn(2, 3, 32, 32)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    last_maps(net, 32, CPU)
    GradCam(net, "layer2")(images, lambda features: features.sum(1))
    assert all(parameter.grad is None and parameter.requires_grad for parameter in net.parameters())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())
    assert torch.equal(state, torch.get_rng_state())


def test_frozen_networks_and_layers_before_an_in_place_relu_work() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net.requires_grad_(False)
    with torch.no_grad():
        found = GradCam(net, "0")(torch.randn(1, 3, 8, 8), lambda features: features.sum(1))
    assert found.shape == (1, 6, 6)
    assert not found.requires_grad


def test_what_has_no_maps_is_refused() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    with pytest.raises(UsageError, match="which Grad-CAM needs"):
        last_maps(flat, 4, CPU)
    with pytest.raises(UsageError, match="gives no"):
        GradCam(flat, "1")(torch.zeros(1, 3, 4, 4), lambda features: features.sum(1))
    with pytest.raises(UsageError, match=r"(?s)no layer 'layer9'.*layer3"):
        GradCam(network(), "layer9")


def test_maps_span_0_to_1_and_an_empty_one_stays_empty() -> None:
    found = enlarge(torch.tensor([[[0.0, 2.0], [4.0, 8.0]], [[0.0, 0.0], [0.0, 0.0]]]), (8, 8))
    assert found.shape == (2, 8, 8)
    assert found[0, 0, 0] == 0
    assert float(found[0, -1, -1]) == pytest.approx(1)
    assert float(found[0, 0, -1]) == pytest.approx(0.25)
    assert not found[1].any()
