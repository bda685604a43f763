"""The file: read again by maskgen, loaded strictly by torchvision."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import load_file

from maskgen.trainers.evaluations.finetune.model import Tuned
from maskgen.trainers.evaluations.finetune.saved import write_tuned
from maskgen.trainers.heads.head import load_head
from maskgen.trainers.heads.linear import new_layer
from maskgen.trainers.pretrained.encoder import load_encoder

CPU = torch.device("cpu")


@pytest.mark.slow
def test_a_file_is_read_again_and_loads_into_torchvision(tmp_path: Path) -> None:
    encoder = load_encoder("random", CPU, "resnet18")
    model = Tuned(encoder.network, new_layer(encoder.dim, 3, 0, CPU)).eval()
    path = tmp_path / "finetuned.safetensors"
    names = {0: "cat", 1: "dog", 2: "owl"}
    facts = write_tuned(path, model, encoder, names, side=64, interpolation="bicubic", step=7)
    first = path.read_bytes()
    write_tuned(path, model, encoder, names, side=64, interpolation="bicubic", step=7)
    assert path.read_bytes() == first
    images = torch.randn(2, 3, 64, 64)
    own = load_encoder(path, CPU)
    head = load_head("own", own, CPU)
    assert (own.view_px, own.facts["interpolation"], own.facts["step"]) == (64, "bicubic", "7")
    assert own.facts["finetuned_from"] == encoder.facts["checkpoint_sha256"] != facts["checkpoint_sha256"]
    assert dict(head.names) == names
    with torch.no_grad():
        torch.testing.assert_close(head.logits(own.network(images)), model(images))
        theirs = torchvision.models.resnet18(num_classes=3)
        theirs.load_state_dict(load_file(path), strict=True)
        torch.testing.assert_close(theirs.eval()(images), model(images))
