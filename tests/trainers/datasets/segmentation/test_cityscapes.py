"""Cityscapes: its layout, and its classes by torchvision's table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from segmentation_kit import make_cityscapes
from torchvision.datasets import Cityscapes

from maskgen.errors import SourceFault, UsageError
from maskgen.trainers.datasets.segmentation.cityscapes import CLASSES, is_cityscapes, open_cityscapes


def test_the_judged_classes_are_torchvisions() -> None:
    judged = sorted(
        (one for one in Cityscapes.classes if not one.ignore_in_eval), key=lambda one: one.train_id
    )
    assert [one.train_id for one in judged] == list(range(19))
    assert {one.name: one.id for one in judged} == CLASSES
    assert [one.name for one in judged] == list(CLASSES)


def test_both_kinds_of_annotations_are_the_same_classes(tmp_path: Path) -> None:
    ids = open_cityscapes(make_cityscapes(tmp_path / "ids"), "train")
    train_ids = open_cityscapes(make_cityscapes(tmp_path / "train", "labelTrainIds"), "train")
    assert ids.names == train_ids.names == ("aachen_000000_000010", "ulm_000000_000011")
    for number in range(2):
        photo, found = ids.pair(number)
        assert np.array_equal(found, train_ids.truth(number))
        assert set(np.unique(found)) == {0, 10, 13, 255}  # road, sky, car
        assert (photo[found == 13] == (200, 30, 30)).all()
    assert len(open_cityscapes(tmp_path / "ids", "val")) == 1


def test_train_ids_that_are_all_road_or_void_are_no_mask(tmp_path: Path) -> None:
    images = open_cityscapes(make_cityscapes(tmp_path, "labelTrainIds"), "val")
    import cv2

    road = np.zeros((48, 96), np.uint8)
    road[:9] = 255
    cv2.imwrite(str(images.truths[0]), road)
    assert np.array_equal(images.truth(0), road)


def test_what_is_missing_is_named_with_the_layout(tmp_path: Path) -> None:
    assert not is_cityscapes(tmp_path)
    (tmp_path / "gtFine").mkdir()
    assert is_cityscapes(tmp_path)
    with pytest.raises(UsageError, match="no photos of the split 'val'") as caught:
        open_cityscapes(tmp_path, "val")
    assert "leftImg8bit is missing" in str(caught.value)
    make_cityscapes(tmp_path)
    with pytest.raises(UsageError, match="has train, val"):
        open_cityscapes(tmp_path, "trian")
    next((tmp_path / "gtFine/train/ulm").iterdir()).unlink()
    with pytest.raises(SourceFault, match="1 of 2 annotations are missing") as missing:
        open_cityscapes(tmp_path, "train")
    assert "gtFine/SPLIT/CITY/*_gtFine_labelIds.png" in str(missing.value)
