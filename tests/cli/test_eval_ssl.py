"""`eval-ssl` as a user meets it, and weights that are no numbers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from lossless import make_lossless

from maskgen.errors import EXIT_FAULTS, EXIT_USAGE
from maskgen.trainers.training import checkpoint

Call = Callable[..., tuple[int, str, str]]
TrainWords = Callable[..., list[str]]


def corrupted(trained: Path, folder: Path, name: str, value: float) -> Path:
    """The run's checkpoint with one tensor of its backbone set to a value."""
    state = checkpoint.load(checkpoint.path_of(trained / "checkpoints", 3))
    state["method"][f"backbone.{name}"].fill_(value)
    return checkpoint.save(folder, 3, {key: value for key, value in state.items() if key != "version"})


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
def test_some_of_the_classes_are_tested_by_their_names(
    trained: Path, photo_folder: Path, tmp_path: Path, call_tool: Call
) -> None:
    """Each test image is a training image, so that its nearest is itself, whatever the network."""
    shutil.copytree(photo_folder / "coffee", tmp_path / "test" / "coffee")
    knn = ["knn", "--checkpoint", str(trained), "--output", str(tmp_path / "out"), "--k", "1", "--side", "32"]
    places = ["--data", str(photo_folder), "--test", str(tmp_path / "test")]
    assert call_tool("eval-ssl", *knn, *places)[0] == 0
    assert json.loads((tmp_path / "out" / "knn.json").read_text())["knn_1"] == 1.0
    (tmp_path / "test" / "coffee").rename(tmp_path / "test" / "tea")
    status, _, err = call_tool("eval-ssl", *knn, *places)
    assert status == EXIT_USAGE
    assert "the training images lack, tea" in err


@pytest.mark.slow
def test_features_and_weights_that_are_no_numbers_are_refused(
    trained: Path, photo_folder: Path, tmp_path: Path, call_tool: Call
) -> None:
    state = checkpoint.load(checkpoint.path_of(trained / "checkpoints", 3))["method"]
    name = next(key for key in state if key.startswith("backbone.") and key.endswith("running_var"))
    name = name.removeprefix("backbone.")
    odd = corrupted(trained, tmp_path / "odd", name, -1e9)  # finite, but the root of it is not
    where = ["--data", str(photo_folder), "--output", str(tmp_path / "out"), "--side", "32"]
    for task in ("knn", "linear"):
        status, _, err = call_tool("eval-ssl", task, "--checkpoint", str(odd), *where)
        assert status == EXIT_FAULTS
        assert "images are infinite or no number" in err
    assert not list((tmp_path / "out").glob("*.json"))
    lost = corrupted(trained, tmp_path / "lost", name, float("inf"))
    target = ["--output", str(tmp_path / "b.safetensors")]
    status, _, err = call_tool("train-ssl", "export", "--checkpoint", str(lost), *target)
    assert status == EXIT_FAULTS
    assert f"the weight {name} is infinite" in err
    assert not (tmp_path / "b.safetensors").exists()


def test_a_file_that_is_no_checkpoint_is_named(photo_folder: Path, tmp_path: Path, call_tool: Call) -> None:
    (tmp_path / "empty.pt").touch()
    where = ["--data", str(photo_folder), "--output", str(tmp_path / "out")]
    status, _, err = call_tool("eval-ssl", "knn", "--checkpoint", str(tmp_path / "empty.pt"), *where)
    assert status == EXIT_USAGE
    assert "empty.pt is no checkpoint" in err


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
def test_photos_in_shards_measure_alike_as_pngs_and_in_their_folder(
    trained: Path, tmp_path: Path, call_tool: Call
) -> None:
    shards, found = make_lossless(tmp_path), []
    for data in (shards, tmp_path / "photos"):
        knn = ["knn", "--checkpoint", str(trained), "--output", str(tmp_path / "out"), "--k", "1"]
        assert call_tool("eval-ssl", *knn, "--side", "32", "--data", str(data))[0] == 0
        found.append(json.loads((tmp_path / "out" / "knn.json").read_text())["knn_1"])
    assert found[0] == found[1]


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
