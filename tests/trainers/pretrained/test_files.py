"""Files of weights: what is read, and what would have to be run and so is not."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from maskgen.errors import ShardFault, UsageError
from maskgen.trainers.pretrained.files import read_tensors

STATE = {"conv1.weight": torch.arange(4.0)}


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"epoch": 200, "arch": "resnet50", "state_dict": STATE, "optimizer": {"state": {}}},
        {"model": STATE, "steps": 3},
        {"online_network_state_dict": STATE, "target_network_state_dict": {"conv1.weight": torch.ones(4)}},
    ],
)
def test_the_tensors_are_found(tmp_path: Path, content: dict[str, object]) -> None:
    for old in (False, True):  # also as torch wrote files before 1.6
        torch.save(content, tmp_path / "w.pth.tar", _use_new_zipfile_serialization=not old)
        found = read_tensors(tmp_path / "w.pth.tar")
        assert list(found) == ["conv1.weight"]
        assert torch.equal(found["conv1.weight"], STATE["conv1.weight"])


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "w.safetensors")
    assert torch.equal(read_tensors(tmp_path / "w.safetensors")["conv1.weight"], STATE["conv1.weight"])


def test_objects_are_not_made(tmp_path: Path) -> None:
    torch.save({"args": argparse.Namespace(lr=1), "state_dict": STATE}, tmp_path / "w.pth")
    with pytest.raises(UsageError, match="holds objects") as refusal:
        read_tensors(tmp_path / "w.pth")
    assert "Namespace" in str(refusal.value)


def test_torchscript_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / "w.pt"))
    with pytest.raises(UsageError, match="TorchScript"):
        read_tensors(tmp_path / "w.pt")


def test_damage_and_other_content_are_told(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"state_dict": {"w": torch.zeros(100_000)}}, path)
    whole = path.read_bytes()
    for part in (whole[: len(whole) // 2], b"<html>404</html>", b""):
        path.write_bytes(part)
        with pytest.raises((ShardFault, UsageError)):
            read_tensors(path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(UsageError, match="no tensors by name"):
        read_tensors(path)
    torch.save([1, 2], path)
    with pytest.raises(UsageError, match="holds a list"):
        read_tensors(path)
    with pytest.raises(UsageError, match="no such file"):
        read_tensors(tmp_path / "none.pth")
