"""The photos that come with maskgen."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from maskgen.release import PHOTOS


def test_varied_photos_in_four_classes(opened: Any) -> None:
    found = opened("sample", "")
    assert found.names == sorted(found.names)
    assert len(found.items) == 16
    assert {name.partition("/")[0] for name in found.names} == {"animals", "people", "things", "vehicles"}
    assert sorted({item.label for item in found.items}) == [0, 1, 2, 3]
    assert found.source.notes == []
    for name, data in found.bytes().items():
        photo = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert 299 <= max(photo.shape) <= 448, name
        assert photo.std() > 20, name
    assert sum(len(data) for data in found.bytes().values()) < 1_000_000


def test_labels_can_be_left_out(opened: Any) -> None:
    assert {item.label for item in opened("sample", "", labels="none").items} == {None}


def test_input_is_not_needed_and_not_used(opened: Any, tmp_path: Path) -> None:
    assert opened("sample", tmp_path).items == opened("sample", "").items


def test_each_photo_has_an_author_a_source_and_a_free_license() -> None:
    with (PHOTOS.parent / "photos.tsv").open(encoding="utf-8", newline="") as file:
        rows = {row["photo"]: row for row in csv.DictReader(file, delimiter="\t")}
    assert rows.keys() == {path.relative_to(PHOTOS).as_posix() for path in PHOTOS.glob("*/*")}
    for row in rows.values():
        assert all(row.values())
        assert row["source"].startswith("https://")
        assert row["license"] in ("Apache-2.0", "CC BY 2.0")


def test_none_of_them_trained_a_network_that_saw_masks_by_people() -> None:
    facts = json.loads((PHOTOS.parent / "fast.json").read_text())
    trained = {one["sha256"] for one in (*facts["photos"], *facts["first"]["other_photos"])}
    assert not trained & {hashlib.sha256(path.read_bytes()).hexdigest() for path in PHOTOS.glob("*/*")}
