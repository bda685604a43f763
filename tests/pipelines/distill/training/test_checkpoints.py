"""Encoders to begin with, in the forms that others write them, and states that are whole or refused."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18

from maskgen.errors import MaskgenError, ShardFault, UsageError
from maskgen.methods.networks.deepusps.network import build_network, load_start
from maskgen.pipelines.distill.training.checkpoints import (
    exported_weights,
    load_state,
    read_encoder,
    save_state,
)


@pytest.fixture(scope="module")
def encoder() -> dict[str, Any]:
    """torchvision's own ResNet-18, classifier and all."""
    return dict(resnet18(weights=None).state_dict())


def without_head(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in weights.items() if not name.startswith("fc.")}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_an_exported_backbone_is_read_as_it_is_and_fits_the_network(
    encoder: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "backbone.safetensors"
    save_file(without_head(encoder), path, {"backbone": "resnet18"})
    weights = read_encoder(path)
    assert same(weights, without_head(encoder))
    network = build_network("resnet18")
    load_start(network, weights, "resnet18")
    assert torch.equal(
        network.state_dict()["encoder.layer4.1.conv2.weight"], encoder["layer4.1.conv2.weight"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("wrap", ["plain", "swav", "moco", "nested"])
def test_torch_checkpoints_lose_wrappers_and_heads(
    wrap: str, encoder: dict[str, Any], tmp_path: Path
) -> None:
    head = torch.zeros(3, 3)
    content: dict[str, Any] = {
        "plain": lambda: encoder,
        "swav": lambda: {
            **{f"module.{name}": value for name, value in without_head(encoder).items()},
            "module.projection_head.0.weight": head,
            "module.prototypes.weight": head,
        },
        "moco": lambda: {
            "epoch": 3,
            "state_dict": {
                **{f"module.encoder.{name}": value for name, value in without_head(encoder).items()},
                "module.queue": head,
            },
        },
        "nested": lambda: {"model": {f"backbone.{name}": value for name, value in encoder.items()}},
    }[wrap]()
    path = tmp_path / "checkpoint.pth.tar"
    torch.save(content, path)
    assert same(read_encoder(path), without_head(encoder))


@pytest.mark.slow
def test_an_encoder_of_another_kind_is_refused_with_what_differs(
    encoder: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "resnet18.pth"
    torch.save(encoder, path)
    with pytest.raises(UsageError, match="resnet50x2"):
        load_start(build_network("resnet50x2"), read_encoder(path), "resnet50x2")


class Dangerous:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("made-by-a-checkpoint",))


def test_files_that_are_no_encoder_are_refused_and_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"linear.weight": torch.zeros(2)}, "other.pth")
    torch.save([1, 2], "list.pth")
    Path("text.pth").write_text("no checkpoint")
    Path("text.safetensors").write_text("no checkpoint")
    Path("evil.pth").write_bytes(pickle.dumps({"conv1.weight": Dangerous()}))
    for name in ("other.pth", "list.pth", "text.pth", "text.safetensors", "evil.pth"):
        with pytest.raises(UsageError):
            read_encoder(Path(name))
    assert not Path("made-by-a-checkpoint").exists()


def test_a_state_comes_back_and_a_damaged_one_does_not(tmp_path: Path) -> None:
    state = {"epoch": 2, "network": {"a": torch.arange(5.0)}}
    facts = save_state(tmp_path / "0.pt", state)
    again = load_state(tmp_path, facts)
    assert again["epoch"] == 2
    assert torch.equal(again["network"]["a"], state["network"]["a"])
    assert save_state(tmp_path / "0.pt", {"epoch": 3})["sha256"] != facts["sha256"]
    with pytest.raises(ShardFault, match="damaged"):
        load_state(tmp_path, facts)
    (tmp_path / "0.pt").unlink()
    with pytest.raises(ShardFault, match="damaged"):
        load_state(tmp_path, facts)
    assert not list(tmp_path.iterdir())


def test_halving_rounds_floats_and_leaves_counters(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"weight": torch.tensor([1.0, 1 / 3]), "count": torch.tensor([70_000])}, path)
    found = exported_weights(path, half=True)
    assert found["weight"].dtype == torch.float16
    assert found["weight"].tolist() == pytest.approx([1.0, 1 / 3], abs=1e-3)
    assert found["count"].tolist() == [70_000]
    save_file({"weight": torch.tensor([70_000.0])}, path)
    with pytest.raises(MaskgenError, match="cannot be rounded"):
        exported_weights(path, half=True)


def test_a_state_of_the_right_hash_and_the_wrong_content_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "0.pt"
    for content in (b"", b"no pickle", pickle.dumps({"network": Dangerous()}), b"\x80\x02h\x00."):
        path.write_bytes(content)
        facts = {"file": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        with pytest.raises(ShardFault, match="its content is not"):
            load_state(tmp_path, facts)
