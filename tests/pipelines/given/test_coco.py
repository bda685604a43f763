"""COCO's objects of a photo, drawn together, held against pycocotools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskgen.errors import ImageFault
from maskgen.pipelines.given.coco import CocoMasks

POLYGON = [2, 2, 12, 2, 12, 8, 2, 8]


def write(folder: Path, names: list[str], annotations: list[dict[str, Any]]) -> Path:
    images = [{"id": at, "file_name": name, "height": 10, "width": 16} for at, name in enumerate(names)]
    path = folder / "instances.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools
def test_objects_are_drawn_together_and_crowds_left_out(tmp_path: Path) -> None:
    mask = pytest.importorskip("pycocotools.mask")
    crowd = {"size": [10, 16], "counts": [0, 160]}
    other = [10, 5, 15, 5, 15, 9]
    path = write(
        tmp_path,
        ["a.jpg", "b.jpg"],
        [
            {"image_id": 0, "iscrowd": 0, "segmentation": [POLYGON]},
            {"image_id": 0, "iscrowd": 0, "segmentation": [other]},
            {"image_id": 0, "iscrowd": 1, "segmentation": crowd},
        ],
    )
    masks = CocoMasks(path)
    found, empty = masks.find("val2017/a.jpg"), masks.find("b.png")
    wanted = mask.decode(mask.merge(mask.frPyObjects([POLYGON, other], 10, 16)))
    assert found is not None
    assert empty is not None
    assert (found.levels == 255 * wanted).all()
    assert found.made_for == (10, 16)
    assert not empty.levels.any()  # listed, and without objects
    assert masks.find("c.jpg") is None


def test_a_file_name_with_folders_is_of_photos_in_these_only(tmp_path: Path) -> None:
    masks = CocoMasks(write(tmp_path, ["cats/a.jpg"], []))
    assert masks.find("cats/a.jpg") is not None
    assert masks.find("photos/cats/a.png") is not None
    assert masks.find("dogs/a.jpg") is None
    assert masks.find("a.jpg") is None


def test_a_broken_segmentation_costs_its_photo_only(tmp_path: Path) -> None:
    broken = {"image_id": 0, "iscrowd": 0, "segmentation": [[1, 2, 3]]}
    masks = CocoMasks(write(tmp_path, ["a.jpg", "b.jpg"], [broken]))
    with pytest.raises(ImageFault, match="bad-mask: cannot draw"):
        masks.find("a.jpg")
    found = masks.find("b.jpg")
    assert found is not None
    assert np.unique(found.levels).tolist() == [0]
