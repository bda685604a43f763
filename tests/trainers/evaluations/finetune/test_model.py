"""Layers, and the rate of each."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from maskgen.trainers.evaluations.finetune.model import Tuned, layers_of, parameter_groups
from maskgen.trainers.networks.backbones import build_backbone


def test_a_resnets_layers_are_its_stem_and_its_stages() -> None:
    network, dim = build_backbone("resnet18")
    layers = layers_of(network)
    assert len(layers) == 5
    assert sum(len(layer) for layer in layers) == len(list(network.parameters()))
    model = Tuned(network, nn.Linear(dim, 3))
    groups = parameter_groups(model, 0.1, 5.0, 0.5)
    assert [group["peak"] for group in groups] == pytest.approx(
        [0.1 / 2**5, 0.1 / 2**4, 0.0125, 0.025, 0.05, 5]
    )
    stem = {id(one) for module in (network.conv1, network.bn1) for one in module.parameters()}
    assert {id(one) for one in groups[0]["params"]} == stem
    assert {group["peak"] for group in parameter_groups(model, 0.1, 5.0, 1.0)[:-1]} == {0.1}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny", "timm/mobilenetv3_small_050", "timm/vit_tiny_patch16_224"])
def test_every_parameter_has_one_layer(name: str) -> None:
    if name.startswith("timm/"):
        pytest.importorskip("timm")
    network, _ = build_backbone(name)
    found = [id(one) for layer in layers_of(network) for one in layer]
    assert len(found) == len(set(found))
    assert set(found) == {id(one) for one in network.parameters()}
    assert len(layers_of(network)) == {"tiny": 4, "timm/mobilenetv3_small_050": 8}.get(name, 13)


def test_logits_are_the_heads_of_the_features() -> None:
    network, dim = build_backbone("tiny")
    model = Tuned(network, nn.Linear(dim, 3)).eval()
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(model(images), model.head(network(images)))
