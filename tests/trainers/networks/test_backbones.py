"""Encoders against torchvision's and against published sizes."""

from __future__ import annotations

import sys

import pytest
import torch
import torchvision

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.trainers.networks.backbones import build_backbone, feature_maps, pool


def millions(name: str) -> float:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build_backbone(name)[0].parameters()) / 1e6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_the_encoder_is_torchvisions_without_its_classifier(name: str) -> None:
    net, dim = build_backbone(name)
    peer = getattr(torchvision.models, name)()
    peer.fc = torch.nn.Identity()
    peer.load_state_dict(net.state_dict(), strict=True)
    images = torch.randn(2, 3, 64, 64)
    net.eval(), peer.eval()
    assert torch.equal(net(images), peer(images))
    assert net(images).shape == (2, dim)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny", "resnet18", "resnet50w2", "resnet18-small"])
def test_pooled_maps_are_the_features(name: str) -> None:
    net = build_backbone(name)[0].eval()
    images = torch.randn(2, 3, 32, 32)
    maps = feature_maps(net, images)
    assert maps.shape[1] == build_backbone(name)[1]
    torch.testing.assert_close(pool(maps), net(images))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"), [("resnet50", 24), ("resnet50w2", 94), ("resnet50w4", 375), ("resnet200", 63)]
)
def test_sizes_are_those_of_the_papers(name: str, size: float) -> None:
    """RELICv2, appendix D: millions of parameters without a classifier."""
    assert millions(name) == pytest.approx(size, abs=0.6)


def test_the_small_stem_keeps_the_resolution() -> None:
    net, _ = build_backbone("resnet18-small")
    assert feature_maps(net.eval(), torch.randn(1, 3, 32, 32)).shape == (1, 512, 4, 4)
    assert feature_maps(build_backbone("tiny")[0], torch.randn(1, 3, 56, 56)).shape == (1, 64, 7, 7)


@pytest.mark.slow
def test_residual_branches_can_begin_with_nothing() -> None:
    zero = {
        name
        for name, value in build_backbone("resnet18", zero_init_residual=True)[0].named_parameters()
        if not value.any()
    }
    usual = {name for name, value in build_backbone("resnet18")[0].named_parameters() if not value.any()}
    assert zero - usual == {f"layer{i}.{j}.bn2.weight" for i in range(1, 5) for j in (0, 1)}


@pytest.mark.parametrize("name", ["resnet51", "resnet50w9", "resnet", "", "resnet50w2small"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="unknown backbone"):
        build_backbone(name)


def test_the_error_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'resnet50'"):
        build_backbone("resnet-50")


def test_without_timm_its_models_are_an_environment_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("timm", "timm.models"):  # another test may have imported it
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EnvironmentFault, match="timm"):
        build_backbone("timm/convnext_tiny")


def test_a_model_of_timm_gives_the_features_that_timm_says() -> None:
    net, dim = build_backbone("timm/convnext_atto")
    assert net(torch.zeros(2, 3, 64, 64)).shape == (2, dim) == (2, 320)


def test_an_encoder_without_maps_cannot_have_grad_cam() -> None:
    with pytest.raises(UsageError, match="Grad-CAM"):
        feature_maps(torch.nn.Flatten(), torch.randn(1, 3, 8, 8))
