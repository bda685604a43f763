"""What an instances file says of its photos, and which ones cannot be right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from maskgen.errors import SourceFault
from maskgen.io.walks import WalkPart
from maskgen.pipelines.sources.coco.labels import Labels, deal_labels, read_labels


def instances(extra: dict[str, Any] | None = None) -> bytes:
    images = [{"id": n, "file_name": f"{n}.jpg"} for n in (30, 9)]
    annotations = [{"image_id": 9, "category_id": c, "segmentation": [[0.5] * 8]} for c in (51, 50, 51)]
    value = {"annotations": annotations, "images": images, "categories": [{"id": 1}]}
    return json.dumps(value | (extra or {})).encode()


def test_categories_come_once_and_sorted(tmp_path: Path) -> None:
    path = tmp_path / "instances.json"
    path.write_bytes(instances())
    assert read_labels(path) == {"9.jpg": [50, 51], "30.jpg": []}


def test_each_part_of_a_folder_gets_the_labels_of_its_names() -> None:
    """With and without the folder in front; a part begins at the least name that may be in it."""
    names = ["a.jpg", "val/b.jpg", "c.jpg", "val/c.jpg", "d.jpg"]
    labels = Labels("instances.json", "val", {name: [number] for number, name in enumerate(names)}, [])
    parts = list(deal_labels(labels, [WalkPart(None, b""), WalkPart(None, b"c.jpg"), WalkPart(None, b"z")]))
    assert [part.own for part in parts] == [["a.jpg", "val/b.jpg"], ["c.jpg", "val/c.jpg", "d.jpg"], []]
    assert {name: ids for part in parts for name, ids in part.known.items()} == labels.known


BAD = {
    "text id": {"images": [{"id": "9", "file_name": "a.jpg"}]},
    "huge id": {"annotations": [{"image_id": 9, "category_id": 1 << 70}]},
    "no name": {"images": [{"id": 9}]},
    "name is a list": {"images": [{"id": 9, "file_name": ["a"]}]},
    "image is a number": {"images": [9]},
    "annotation is null": {"annotations": [None]},
    "boolean category": {"annotations": [{"image_id": 9, "category_id": True}]},
    "unlisted image": {"annotations": [{"image_id": 77, "category_id": 1}]},
}


@pytest.mark.parametrize("case", BAD)
def test_annotations_that_cannot_be_right(tmp_path: Path, case: str) -> None:
    path = tmp_path / "instances_val2017.json"
    path.write_bytes(instances(BAD[case]))
    with pytest.raises(SourceFault, match="instances_val2017"):
        read_labels(path)


def test_truncated_annotations(tmp_path: Path) -> None:
    good, path = instances(), tmp_path / "instances.json"
    for length in range(0, len(good) - 1, 11):
        path.write_bytes(good[:length])
        with pytest.raises(SourceFault, match="cannot read a JSON file"):
            read_labels(path)
