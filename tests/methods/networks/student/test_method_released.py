"""The students that come with maskgen: what the file beside each says is true, and each nears its teacher."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("safetensors")

from maskgen.evaluation.halves import half_of
from maskgen.methods import MethodOptions, make_method
from maskgen.methods.networks.checkpoint import read_metadata
from maskgen.methods.networks.student.method import FAST_WEIGHTS, FREE_WEIGHTS

RELEASED = pytest.mark.parametrize("path", [FAST_WEIGHTS, FREE_WEIGHTS], ids=["fast", "free"])


def facts(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return found


@RELEASED
def test_it_is_small_and_the_one_that_the_facts_speak_of(path: Path) -> None:
    weights, said = path.read_bytes(), facts(path)
    assert len(weights) <= 7_000_000
    found = {"file": path.name, "bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
    assert said["weights"] == found
    assert read_metadata("student", path)["data"] == said["data"]


@RELEASED
def test_every_photo_has_a_name_and_a_hash_and_no_place_of_any_machine(path: Path) -> None:
    said = facts(path)
    assert len(said["photos"]) >= 1500
    assert {len(one["sha256"]) for one in (*said["photos"], *said["held"])} == {64}
    text = path.with_suffix(".json").read_text()
    assert not re.search(r"(?<![\w.])/|\\|\b[A-Za-z]:", text), "an absolute path"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("fast", 0.7), ("free", 0.58)])  # `vote`: .48, its student: .60
def test_hard_photos_that_chose_nothing_are_mostly_found(name: str, least: float, shared_data: Path) -> None:
    folder = shared_data / "ecssd_hard"
    truths = sorted((folder / "ground_truth_mask").glob("*.png"))
    method = make_method(name, MethodOptions(runtime="onnxruntime"))
    overlaps = []
    for path in [one for one in truths if half_of("ecssd", int(one.stem)) == "judge"][::3]:
        truth = cv2.imread(str(path), 0) > 128
        mask = method(cv2.imread(str(folder / "images" / f"{path.stem}.jpg"), cv2.IMREAD_COLOR_RGB)) > 0.5
        overlaps.append((mask & truth).sum() / (mask | truth).sum())
    assert len(overlaps) >= 25
    assert np.mean(overlaps) > least
