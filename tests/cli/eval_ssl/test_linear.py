"""`eval-ssl linear` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from maskgen.errors import EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]
TrainWords = Callable[..., list[str]]


@pytest.mark.slow
def test_knn_and_linear_from_the_command_line(
    trained: Path, shards: Path, photo_folder: Path, tmp_path: Path, call_tool: Call
) -> None:
    common = ["--checkpoint", str(trained), "--output", str(tmp_path), "--side", "32"]
    status, out, _ = call_tool("eval-ssl", "knn", *common, "--data", str(shards), "--k", "5,10")
    assert status == 0
    result = json.loads((tmp_path / "knn.json").read_text())
    assert f"knn_5              {result['knn_5']:.4f}" in out
    assert result["test"] == "leave one out"
    assert result["knn_5"] > 0.5  # of three classes; colors alone tell most
    linear = ["linear", *common, "--data", str(photo_folder), "--epochs", "4", "--lr", "0.1,1"]
    status, _, err = call_tool("eval-ssl", *linear, "--views", "2", "--head-batch", "8")
    assert status == 0
    assert "epoch 4/4" in err
    found = json.loads((tmp_path / "linear.json").read_text())
    assert found["lr"] in (0.1, 1)
    assert set(found["chosen_by"]) == {"0.1", "1"}
    assert (found["images"], found["test_images"], found["top5"]) == (39, 11, 1.0)
    assert (
        len(list((tmp_path / "features").glob("*.npy"))) == 1 + 2 + 2
    )  # knn, held-out and chosen-on, passes


@pytest.mark.slow
def test_fresh_passes_for_each_epoch_do_not_pile_up(
    trained: Path, photo_folder: Path, tmp_path: Path, call_tool: Call
) -> None:
    common = ["--checkpoint", str(trained / "backbone.safetensors"), "--output", str(tmp_path)]
    linear = ["linear", *common, "--data", str(photo_folder), "--test", str(photo_folder), "--epochs", "3"]
    status, _, _ = call_tool("eval-ssl", *linear, "--protocol", "byol", "--side", "32")
    assert status == 0
    assert len(list((tmp_path / "features").glob("*.npy"))) == 2  # the test images, the last pass


@pytest.mark.slow
def test_one_head_is_used_on_a_later_set_from_the_command_line(
    trained: Path, photo_folder: Path, tmp_path: Path, call_tool: Call
) -> None:
    common = ["--checkpoint", str(trained), "--output", str(tmp_path), "--data", str(photo_folder)]
    linear = ["--epochs", "1", "--views", "-1", "--side", "32", "--weight-decay", "1e-4", "--lr", "0.1"]
    assert call_tool("eval-ssl", "linear", *common, *linear)[0] == 0
    assert json.loads((tmp_path / "linear.json").read_text())["protocol"]["weight_decay"] == 1e-4
    status, out, _ = call_tool("eval-ssl", "linear", *common, "--head", str(tmp_path / "linear.safetensors"))
    assert status == 0
    result = json.loads((tmp_path / "test-classes.json").read_text())
    assert (result["side"], result["test_images"]) == (32, 54)
    assert f"top1               {result['top1']:.4f}" in out
    status, _, err = call_tool("eval-ssl", "linear", *common, "--head", "own")
    assert status == EXIT_USAGE
    assert "no classifier of its own" in err
