"""ImageNet-A's foregrounds by masks of pictures and of shards."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pytest
from robust_kit import write_classes

from maskgen.errors import UsageError
from maskgen.loaders import MaskReader
from maskgen.trainers.datasets.images import images_of_folder
from maskgen.trainers.evaluations.robust.classes import HeadClasses, imagenet_wnids
from maskgen.trainers.evaluations.robust.sets.foregrounds import (
    _of_shards,
    open_foregrounds,
    paint_background,
)
from maskgen.trainers.evaluations.robust.sets.parts import Request

CLASSES = HeadClasses(dict(enumerate(imagenet_wnids())), 1000)


def test_masks_in_a_folder_blacken_backgrounds(tmp_path: Path) -> None:
    folder, masks = write_classes(tmp_path / "a"), tmp_path / "masks"
    images = images_of_folder(folder)
    paths = sorted(path.relative_to(folder) for path in folder.rglob("*.JPEG"))
    for number, path in enumerate(paths[1:], 1):
        mask = np.zeros(images.read(number).shape[:2], np.uint8)
        mask[:10] = 255
        (masks / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str((masks / path).with_suffix(".png")), mask)
    request = Request(folder=folder, classes=CLASSES, partial=True, masks=masks)
    part = open_foregrounds(request)[""]
    assert len(part.images) == 7  # one photo has no mask
    black, plain = part.images.read(0), images.read(1)
    assert (black[:10] == plain[:10]).all()
    assert not black[10:].any()
    gray = open_foregrounds(Request(**{**vars(request), "fill": 128}))[""]
    assert (gray.images.read(0)[10:] == 128).all()
    assert gray.mark != part.mark
    with pytest.raises(UsageError, match="a-fg is not the whole set"):
        open_foregrounds(Request(folder=folder, classes=CLASSES, masks=masks))
    with pytest.raises(UsageError, match="a-fg needs masks"):
        open_foregrounds(Request(folder=folder, classes=CLASSES, partial=True))
    with pytest.raises(UsageError, match="8 of 8 photos have no mask"):
        open_foregrounds(Request(**{**vars(request), "masks": folder.parent / "nothing"}))


@pytest.mark.slow
def test_masks_of_shards_go_by_the_photos_paths(shards: Path) -> None:
    mask_of, reader = _of_shards(MaskReader(shards)), MaskReader(shards)
    for key in list(reader.keys())[:3]:
        path = PurePosixPath(*key.rsplit("_", 1)).with_suffix(".png")
        found = mask_of(path)
        assert found is not None
        assert (found == reader.hard(key)).all()
    assert mask_of(PurePosixPath("cat/none.png")) is None


def test_small_masks_are_stretched() -> None:
    image = np.full((4, 6, 3), 9, np.uint8)
    mask = np.array([[True, False], [False, False]])
    painted = paint_background(image, mask, 0)
    assert painted[..., 0].tolist() == [[9, 9, 9, 0, 0, 0]] * 2 + [[0] * 6] * 2
