"""Backbones by names and shapes."""

from __future__ import annotations

import pytest
import torch

from maskgen.errors import UsageError
from maskgen.trainers.networks.backbones import build_backbone
from maskgen.trainers.pretrained.recognize import name_lite, recognize_lite, recognize_resnet


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet34", "resnet18w2", "resnet18-small", "resnet50", "resnet101"]
)
def test_a_resnet_is_recognized(name: str) -> None:
    with torch.device("meta"):
        network, _ = build_backbone(name)
    assert recognize_resnet(network.state_dict()) == name


def test_an_unknown_depth_is_refused() -> None:
    names = [f"layer{stage}.0.conv1.weight" for stage in (1, 2, 3, 4)]
    with pytest.raises(UsageError, match=r"ResNet of \(1, 1, 1, 1\) basic blocks"):
        recognize_resnet({"conv1.weight": torch.zeros(64, 3, 7, 7)} | dict.fromkeys(names, torch.zeros(1)))


def test_lite_blocks_that_expand_and_that_do_not_have_other_names_in_timm() -> None:
    one = torch.zeros(1)
    names = ["_conv_stem.weight", "_blocks.0._project_conv.weight", "_blocks.0._bn2.bias", "_fc.bias"]
    wide = ["_blocks.2._expand_conv.weight", "_blocks.2._project_conv.weight", "_blocks.2._bn2.bias"]
    found = name_lite(dict.fromkeys(names + wide, one), [1, 2])
    assert list(found) == [
        "conv_stem.weight",
        "blocks.0.0.conv_pw.weight",
        "blocks.0.0.bn2.bias",
        "classifier.bias",
        "blocks.1.1.conv_pw.weight",
        "blocks.1.1.conv_pwl.weight",
        "blocks.1.1.bn3.bias",
    ]
    with pytest.raises(UsageError, match="EfficientNet of 3 blocks"):
        recognize_lite(dict.fromkeys(["_blocks.0.x", "_blocks.1.x", "_blocks.2.x"], one))
