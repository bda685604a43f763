"""A frozen backbone: what is loaded, that it stays as it is, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from maskgen.errors import ShardFault
from maskgen.trainers.methods import METHODS, Method
from maskgen.trainers.presets import find_preset
from maskgen.trainers.pretrained.encoder import load_encoder
from maskgen.trainers.settings import Settings, config_of
from maskgen.trainers.training import checkpoint

CPU = torch.device("cpu")


def saved(folder: Path, seed: int, backbone: str = "tiny") -> tuple[Method, Path]:
    """A checkpoint of a method whose BatchNorm has seen a batch; its record names `backbone`."""
    preset = find_preset("simclr", "smoke")
    torch.manual_seed(seed)
    method = METHODS["simclr"](preset)
    method.features(torch.randn(4, 3, 32, 32))
    config = config_of(preset, Settings(data="", output=folder), data="d", order="global")
    config["preset"]["backbone"] = backbone
    state = {"config": config, "method": method.state_dict(), "schedule": {"step": 3}}
    return method.eval(), checkpoint.save(folder / f"{seed}-{backbone}", 3, state)


def test_the_network_is_frozen_and_computes_what_the_method_did(tmp_path: Path) -> None:
    method, path = saved(tmp_path, 0)
    encoder = load_encoder(path, CPU)
    images = torch.randn(3, 3, 32, 32)
    before = {name: value.clone() for name, value in encoder.network.state_dict().items()}
    assert torch.equal(encoder.network(images), method.features(images))
    assert not any(parameter.requires_grad for parameter in encoder.network.parameters())
    assert all(torch.equal(before[name], value) for name, value in encoder.network.state_dict().items())
    assert (encoder.dim, encoder.view_px, encoder.facts["method"]) == (64, 32, "simclr")


def test_the_digest_is_of_the_weights(tmp_path: Path) -> None:
    (_, one), (_, other) = saved(tmp_path, 0), saved(tmp_path, 1)
    digests = [load_encoder(path, CPU).digest for path in (one, one, other)]
    assert digests[0] == digests[1] != digests[2]


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    _, path = saved(tmp_path, 0, backbone="resnet18")
    with pytest.raises(ShardFault, match="the weights are not those of a resnet18"):
        load_encoder(path, CPU)
