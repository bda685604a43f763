"""`eval-ssl fcn` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from segmentation_kit import make_voc

from maskgen.errors import EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]


def test_the_figures_are_shown_and_written(tmp_path: Path, call_tool: Call) -> None:
    output = str(tmp_path / "out")
    words = ["--checkpoint", "random", "--backbone", "tiny", "--output", output, "--epochs", "1"]
    words += ["--weight-decay", "0"]
    words += ["--data", str(make_voc(tmp_path)), "--crop", "41", "--step-batch", "2", "--lr", "0.01"]
    status, out, err = call_tool("eval-ssl", "fcn", *words, "--dilation", "2", "--protocol", "moco")
    assert status == 0, err
    result = json.loads((tmp_path / "out" / "fcn.json").read_text())
    assert f"miou                   {result['miou']:.4f}" in out
    assert "eval-ssl: lr 0.01 epochs 1  epoch 1/1  loss" in err
    asked = result["protocol"]
    assert (asked["dilation"], asked["crop"], asked["batch_size"], asked["steps"]) == (2, 41, 2, 0)
    assert (asked["epochs"], asked["weight_decay"]) == ([1], 0)
    status, _, err = call_tool("eval-ssl", "fcn", *words, "--train", "trainaug")
    assert status == EXIT_USAGE
    assert "cannot read the split 'trainaug'" in err
    status, _, err = call_tool("eval-ssl", "fcn", *words, "--class", "background", "--class", "thing")
    assert "a class that 2 classes do not have" in err
    status, _, err = call_tool("eval-ssl", "fcn", *words, "--stride", "16")
    assert status == EXIT_USAGE
    assert "--stride 0" in err


def test_protocols_are_listed(call_tool: Call) -> None:
    status, out, _ = call_tool("eval-ssl", "fcn", "--protocols")
    assert status == 0
    assert "moco-cityscapes       90000 steps, batch 16, crops of 769 px, sgd, lr 0.01: He et al. 2020" in out
