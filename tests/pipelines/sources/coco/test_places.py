"""Where the photos and the annotations of a split are looked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from maskgen.errors import SourceFault
from maskgen.pipelines.sources.coco.places import find_annotations, find_photos, why_unlabeled
from maskgen.pipelines.sources.listing import SourceOptions

Write = Callable[[dict[str, bytes]], Path]


@pytest.mark.parametrize(
    ("photos", "annotations"),
    [
        ("val2017/a.jpg", "annotations/instances_val2017.json"),
        ("images/val2014/a.jpg", "annotations/instances_val2014.json"),
        ("images/a.jpg", "instances.json"),
    ],
)
def test_a_layout(write: Write, photos: str, annotations: str) -> None:
    root = write({photos: b"1", annotations: b"{}"})
    options = SourceOptions(input=root, root=root, split="val")
    found = find_photos(options)
    assert found == (root / photos).parent
    assert find_annotations(options, found) == root / annotations


def test_what_lies_there_in_place_of_the_annotations_is_named(write: Write) -> None:
    root = write({"val2017/a.jpg": b"1", "annotations/captions_val2017.json": b"{}"})
    options = SourceOptions(input=root, root=root, split="val")
    assert find_annotations(options, root / "val2017") is None
    why = why_unlabeled(options, root / "val2017")
    assert why == "annotations/ has captions_val2017.json and no instances_val2017.json"


def test_the_other_split_only(write: Write) -> None:
    root = write({"train2017/a.jpg": b"1"})
    with pytest.raises(SourceFault, match="--split train"):
        find_photos(SourceOptions(input=root, root=root, split="val"))
