"""`eval-ssl finetune` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from maskgen.errors import EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_finetune_from_the_command_line(trained: Path, shards: Path, tmp_path: Path, call_tool: Call) -> None:
    words = ["finetune", "--checkpoint", str(trained), "--data", str(shards), "--output", str(tmp_path)]
    words += ["--side", "32", "--epochs", "2", "--step-batch", "8", "--lr", "0.01,0.1", "--head-lr", "0.1"]
    status, out, err = call_tool("eval-ssl", *words, "--layer-decay", "0.7", "--weight-decay", "0.0001")
    assert status == 0
    result = json.loads((tmp_path / "finetune.json").read_text())
    assert f"top1               {result['top1']:.4f}" in out
    assert "lr 0.1 head 0.1 epochs 2  epoch 2/2  loss" in err
    assert (result["protocol"]["layer_decay"], result["protocol"]["weight_decay"]) == (0.7, 1e-4)
    assert (result["images"], result["test_images"]) == (39, 11)
    (tmp_path / "list.txt").write_text("nothing_1.JPEG\n")
    status, _, err = call_tool("eval-ssl", *words, "--list", str(tmp_path / "list.txt"))
    assert status == EXIT_USAGE
    assert "1 of 1 images of the list are not among the training images" in err


def test_protocols_are_listed(call_tool: Call) -> None:
    status, out, _ = call_tool("eval-ssl", "finetune", "--protocols")
    assert status == 0
    assert "swav-1     20 epochs, batch 256, lr 0.02, head 5" in out
