"""`eval-ssl knn` as a user meets it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from lossless import make_lossless

from maskgen.errors import EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]
TrainWords = Callable[..., list[str]]


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
def test_photos_in_shards_measure_alike_as_pngs_and_in_their_folder(
    trained: Path, tmp_path: Path, call_tool: Call
) -> None:
    shards, found = make_lossless(tmp_path), []
    for data in (shards, tmp_path / "photos"):
        knn = ["knn", "--checkpoint", str(trained), "--output", str(tmp_path / "out"), "--k", "1"]
        assert call_tool("eval-ssl", *knn, "--side", "32", "--data", str(data))[0] == 0
        found.append(json.loads((tmp_path / "out" / "knn.json").read_text())["knn_1"])
    assert found[0] == found[1]
