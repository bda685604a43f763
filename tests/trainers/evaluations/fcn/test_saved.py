"""The file: read again, and refused where it is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from maskgen.errors import ShardFault, UsageError
from maskgen.trainers.evaluations.fcn.network import new_fcn
from maskgen.trainers.evaluations.fcn.saved import load_fcn, write_fcn
from maskgen.trainers.pretrained.encoder import load_encoder

CPU = torch.device("cpu")


@pytest.mark.parametrize(("backbone", "stride"), [("tiny", 0), ("resnet18", 16)])
def test_a_network_comes_back(backbone: str, stride: int, tmp_path: Path) -> None:
    encoder = load_encoder("random", CPU, backbone)
    model = new_fcn(encoder.network, 3, dilation=2, seed=4, device=CPU, stride=stride).eval()
    path = tmp_path / "fcn.safetensors"
    facts = write_fcn(path, model, encoder, ("a", "b", "c"), dilation=2, stride=stride)
    first = path.read_bytes()
    write_fcn(path, model, encoder, ("a", "b", "c"), dilation=2, stride=stride)
    assert path.read_bytes() == first
    again, said = load_fcn(path, CPU)
    assert said == facts
    images = torch.randn(1, 3, 40, 56)
    with torch.no_grad():
        assert torch.equal(again(images), model(images))
    backbone_only = {
        name.removeprefix("backbone."): value
        for name, value in load_file(path).items()
        if name.startswith("backbone.")
    }
    encoder.network.load_state_dict(backbone_only, strict=True)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "fcn.safetensors"
    for data in (None, b"none"):
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(UsageError, match="cannot read a network"):
            load_fcn(path, CPU)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(UsageError, match="no fully convolutional network"):
        load_fcn(path, CPU)
    facts = {"format": "maskgen-fcn", "backbone": "tiny", "classes": '["a"]', "dilation": "1", "stride": "0"}
    save_file({"a": torch.zeros(1)}, path, metadata=facts)
    with pytest.raises(ShardFault, match="not those of the network"):
        load_fcn(path, CPU)
