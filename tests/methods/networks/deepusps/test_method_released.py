"""The weights that come with maskgen: what the file beside them says is true, and they better what needs no
weights.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

from maskgen.methods import MethodOptions, make_method
from maskgen.methods.networks.checkpoint import read_metadata
from maskgen.methods.networks.deepusps.method import RELEASED


def facts() -> dict[str, object]:
    found: dict[str, object] = json.loads(RELEASED.with_suffix(".json").read_text())
    return found


def test_they_are_small_and_those_that_the_facts_speak_of() -> None:
    weights, said = RELEASED.read_bytes(), facts()
    assert len(weights) <= 5_000_000
    assert said["weights"] == {
        "file": RELEASED.name,
        "bytes": len(weights),
        "sha256": hashlib.sha256(weights).hexdigest(),
    }
    assert read_metadata("deepusps", RELEASED)["data"] == said["data"]


def test_every_photo_has_a_name_and_a_hash_and_no_place_of_any_machine() -> None:
    said = facts()
    photos = said["photos"]
    assert isinstance(photos, list)
    assert len(photos) > 100
    assert {len(photo["sha256"]) for photo in photos} == {64}
    text = RELEASED.with_suffix(".json").read_text()
    assert not re.search(r"(?<![\w.])/|\\|\b[A-Za-z]:", text), "an absolute path"


@pytest.mark.slow
def test_they_are_taken_when_none_are_given() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    photo[15:45, 20:60] = (230, 40, 30)
    own, given = (make_method("deepusps", MethodOptions(weights=path)) for path in ("", str(RELEASED)))
    assert np.array_equal(own(photo), given(photo))


@pytest.mark.slow
def test_with_them_masks_are_better_than_votes(shared_data: Path) -> None:
    ecssd = shared_data / "ecssd"
    names = sorted(path.stem for path in (ecssd / "ground_truth_mask").glob("*.png"))[::12]
    truths = {name: cv2.imread(str(ecssd / "ground_truth_mask" / f"{name}.png"), 0) > 128 for name in names}
    scores = {}
    for method in ("vote", "deepusps"):
        make, found = make_method(method, MethodOptions()), []
        for name, truth in truths.items():
            mask = make(cv2.imread(str(ecssd / "images" / f"{name}.jpg"), cv2.IMREAD_COLOR_RGB))
            overlap = ((mask > 0.5) & truth).sum() / ((mask > 0.5) | truth).sum()
            found.append((np.abs(mask - truth).mean(), overlap))
        scores[method] = np.mean(found, axis=0)
    assert scores["deepusps"][0] < scores["vote"][0]
    assert scores["deepusps"][1] > scores["vote"][1]
