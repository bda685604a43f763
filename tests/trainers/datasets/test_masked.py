"""Photos with masks: shards' own masks, true ones by name, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from lossless import COUNT, SIDE, key, make_lossless, photo

from maskgen.errors import UsageError
from maskgen.loaders import MaskReader
from maskgen.trainers.datasets.masked import open_masked


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos` and `shards` of them, `truth` for all but the last, and `coco.json`."""
    folder = tmp_path_factory.mktemp("masked")
    make_lossless(folder)
    (folder / "truth").mkdir()
    images, annotations = [], []
    for number in range(COUNT):
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[: number + 1, :8] = 255
        if number < COUNT - 1:
            cv2.imwrite(str(folder / "truth" / f"p{number}.png"), mask)
        images.append({"id": number, "file_name": f"p{number}.png", "height": SIDE, "width": SIDE})
        square = [[0, 0, 8, 0, 8, number + 1, 0, number + 1]]
        crowd = {"size": [SIDE, SIDE], "counts": [SIDE * SIDE - 1, 1]}
        for segmentation, many in ((square, 0), (crowd, 1)):
            annotations.append({"image_id": number, "segmentation": segmentation, "iscrowd": many})
    (folder / "coco.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return folder


def test_shards_bring_their_photos_and_masks(made: Path) -> None:
    images, reader = open_masked(made / "shards"), MaskReader(made / "shards")
    assert len(images) == COUNT
    for number in range(COUNT):
        name = images.key(number)
        picture, mask = images.read(number)
        assert np.array_equal(mask, reader.hard(name))
        assert np.array_equal(picture, photo([key(n) for n in range(COUNT)].index(name)))


@pytest.mark.parametrize("data", ["photos", "shards"])
def test_true_masks_are_found_by_name_and_photos_without_one_are_counted(made: Path, data: str) -> None:
    images = open_masked(made / data, made / "truth")
    assert (len(images), images.unpaired) == (COUNT - 1, 1)
    for number in range(COUNT - 1):
        name = images.key(number)
        picture, mask = images.read(number)
        assert np.array_equal(picture, photo(int(name[1:])))
        assert mask.sum() == 8 * (int(name[1:]) + 1)


def test_the_foreground_of_coco_is_all_objects_and_crowds(made: Path) -> None:
    images = open_masked(made / "photos", made / "coco.json")
    masks = {images.key(number): images.read(number)[1] for number in range(len(images))}
    assert {name: int(mask.sum()) for name, mask in masks.items()} == {
        f"p{number}": 8 * (number + 1) + 1 for number in range(COUNT)
    }
    assert all(mask[-1, -1] for mask in masks.values())


def test_the_fingerprint_is_of_photos_and_masks(made: Path, tmp_path: Path) -> None:
    marks = {open_masked(made / "photos", made / name).fingerprint for name in ("truth", "coco.json")}
    marks |= {
        open_masked(made / "shards").fingerprint,
        open_masked(made / "shards", made / "truth").fingerprint,
    }
    assert len(marks) == 4
    assert open_masked(made / "shards").fingerprint in marks


def test_some_are_drawn_once_and_keep_their_order(made: Path) -> None:
    images = open_masked(made / "shards")
    some = images.draw(3)
    keys = [some.key(number) for number in range(3)]
    assert keys == [images.draw(3).key(number) for number in range(3)] == sorted(keys)
    assert some.fingerprint != images.fingerprint
    assert images.draw(0) is images is images.draw(COUNT)
    assert np.array_equal(some.read(1)[0], photo([key(n) for n in range(COUNT)].index(keys[1])))


def test_what_has_no_masks_or_others_is_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"(?s)no masks.*--truth"):
        open_masked(made / "photos")
    cv2.imwrite(str(tmp_path / "other.png"), np.zeros((4, 4), np.uint8))
    with pytest.raises(UsageError, match="no photo has a true mask"):
        open_masked(made / "photos", tmp_path)
    cv2.imwrite(str(tmp_path / "p0.png"), np.zeros((4, 5), np.uint8))
    with pytest.raises(UsageError, match="a mask of 5x4 px for a photo of 32x32"):
        open_masked(made / "photos", tmp_path).read(0)
