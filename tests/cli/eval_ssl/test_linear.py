"""`eval-ssl linear` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from public_sets_kit import write_aircraft, write_imagenet_val, write_pets

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


RANDOM = ["--checkpoint", "random", "--backbone", "tiny", "--side", "32"]


@pytest.mark.slow
def test_a_transfer_is_one_option(tmp_path: Path, call_tool: Call) -> None:
    """Splits, the images that choose, and the figure that counts are the set's own."""
    planes = write_aircraft(tmp_path / "planes")
    common = [*RANDOM, "--data", f"aircraft:{planes}", "--output", str(tmp_path / "out")]
    status, _, err = call_tool("eval-ssl", "linear", *common, "--protocol", "kornblith")
    assert status == 0
    assert "per_class" in err
    found = json.loads((tmp_path / "out" / "linear.json").read_text())
    assert (found["metric"], found["images"], found["test_images"]) == ("per_class", 6, 6)
    pets = write_pets(tmp_path / "pets")
    common = [*RANDOM, "--data", f"pets:{pets}", "--output", str(tmp_path / "pets-out")]
    linear = ["--metric", "top1", "--epochs", "1", "--views", "-1"]
    assert call_tool("eval-ssl", "linear", *common, *linear)[0] == 0
    found = json.loads((tmp_path / "pets-out" / "linear.json").read_text())
    assert (found["metric"], found["images"], found["test_images"]) == ("top1", 12, 12)
    head = ["--head", str(tmp_path / "pets-out" / "linear.safetensors")]
    assert call_tool("eval-ssl", "linear", *common, *head)[0] == 0
    again = json.loads((tmp_path / "pets-out" / "test-pets-test.json").read_text())
    assert again["top1"] == found["top1"]


def test_validation_photos_are_matched_with_folders_by_wnid(tmp_path: Path, call_tool: Call) -> None:
    root = write_imagenet_val(tmp_path / "imagenet")
    places = {wnid: tmp_path / "train" / wnid for wnid in ("n01440764", "n02100735", "n02119789")}
    for number, place in enumerate([places["n02119789"], places["n02100735"], places["n01440764"]], 1):
        place.mkdir(parents=True)
        photo = (root / "val" / f"ILSVRC2012_val_{number:08d}.JPEG").read_bytes()
        (place / "a.jpg").write_bytes(photo)
        (place / "b.jpg").write_bytes((root / "val" / f"ILSVRC2012_val_{number + 3:08d}.JPEG").read_bytes())
    where = ["--data", str(tmp_path / "train"), "--test", f"imagenet-val:{root}"]
    status, _, _ = call_tool(
        "eval-ssl", "knn", *RANDOM, *where, "--output", str(tmp_path / "out"), "--k", "1"
    )
    assert status == 0
    assert json.loads((tmp_path / "out" / "knn.json").read_text())["knn_1"] == 1


@pytest.mark.slow
def test_real_photos_as_validation_set(shared_data: Path, tmp_path: Path, call_tool: Call) -> None:
    """Imagewoof's folders are a validation set sorted by wnid: the same figure as from a plain folder."""
    woof, found = shared_data / "eval" / "imagewoof", []
    for number, test in enumerate((str(woof / "val"), f"imagenet-val:{woof}", f"folder:{woof}/val")):
        where = ["--data", f"folder:{woof}/train", "--test", test, "--output", str(tmp_path / str(number))]
        assert call_tool("eval-ssl", "knn", *RANDOM, *where, "--k", "5")[0] == 0
        found.append(json.loads((tmp_path / str(number) / "knn.json").read_text())["knn_5"])
    assert found[0] == found[1] == found[2] > 0


def test_a_mistaken_set_is_answered_before_anything_heavy(tmp_path: Path, call_tool: Call) -> None:
    common = [*RANDOM, "--output", str(tmp_path / "out")]
    status, _, err = call_tool("eval-ssl", "linear", *common, "--data", f"cifar:{tmp_path}")
    assert status == EXIT_USAGE
    assert "no such kind of set, 'cifar'" in err
    status, _, err = call_tool("eval-ssl", "knn", *common, "--data", f"cifar10:{tmp_path}")
    assert status == EXIT_USAGE
    assert "this folder is no CIFAR-10" in err
    assert "cifar-10-binary.tar.gz" in err


@pytest.mark.slow
def test_a_sweep_has_a_budget_of_its_own_and_takes_no_settings_of_one_head(
    tmp_path: Path, call_tool: Call
) -> None:
    planes = write_aircraft(tmp_path / "planes")
    common = [*RANDOM, "--data", f"aircraft:{planes}", "--output", str(tmp_path / "out")]
    sweep = ["--protocol", "relicv2-transfer", "--trials", "2"]
    status, _, err = call_tool("eval-ssl", "linear", *common, *sweep)
    assert status == 0
    assert err.count("trial ") == 2
    found = json.loads((tmp_path / "out" / "linear.json").read_text())
    assert (found["trials"], len(found["chosen_by"]), found["metric"]) == (2, 2, "per_class")
    status, _, err = call_tool("eval-ssl", "linear", *common, *sweep, "--epochs", "3")
    assert status == EXIT_USAGE
    assert "relicv2-transfer has no epochs" in err
    assert "relicv2-transfer SGD, --trials" in call_tool("eval-ssl", "linear", "--list")[1]
