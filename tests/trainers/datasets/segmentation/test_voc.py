"""VOC's segmentation: its layout, its lists, SBD's annotations, and what is missing from it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from segmentation_kit import SPLITS, add_photos, make_sbd, make_voc, sbd_truth, truth

from maskgen.errors import SourceFault, UsageError
from maskgen.trainers.datasets.index_png import write_indices
from maskgen.trainers.datasets.segmentation.voc import CLASSES, open_voc_segmentation


def test_photos_and_classes_of_a_split(tmp_path: Path) -> None:
    folder = make_voc(tmp_path)
    for place in (folder, folder / "VOCdevkit" / "VOC2012"):
        images = open_voc_segmentation(place, "val")
        assert images.names == SPLITS["val"]
        assert np.array_equal(images.truth(1), truth(1))
        assert images.photo(1).shape == (60, 80, 3)
        assert images.photo(0)[25, 40].argmax() == 2  # a blue bus
    assert images.fingerprint() != open_voc_segmentation(folder, "train").fingerprint()


def test_the_classes_are_vocs() -> None:
    assert len(CLASSES) == 21
    assert (CLASSES[0], CLASSES[6], CLASSES[15], CLASSES[20]) == ("background", "bus", "person", "tvmonitor")
    assert list(CLASSES[1:]) == sorted(CLASSES[1:])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no SegmentationClass"):
        open_voc_segmentation(tmp_path, "val")
    root = make_voc(tmp_path) / "VOCdevkit" / "VOC2012"
    with pytest.raises(UsageError, match="cannot read the split 'test'"):
        open_voc_segmentation(tmp_path, "test")
    images = open_voc_segmentation(tmp_path, "val")
    write_indices(images.truths[0], np.full((4, 4), 21, np.uint8))
    with pytest.raises(SourceFault, match="a class that 21 classes do not have: 21"):
        images.truth(0)
    (root / "JPEGImages" / f"{images.names[0]}.jpg").write_bytes(b"none")
    with pytest.raises(SourceFault, match="cannot read a photo"):
        images.photo(0)
    images.truths[1].unlink()
    with pytest.raises(SourceFault, match="1 of 2 annotations are missing"):
        open_voc_segmentation(tmp_path, "val")
    for text in ("", "../../etc/passwd\n", "2007_000033\n2007_000033\n"):
        (root / "ImageSets" / "Segmentation" / "val.txt").write_text(text)
        with pytest.raises(UsageError, match="names no photos"):
            open_voc_segmentation(tmp_path, "val")


def test_trainaug_is_vocs_train_and_what_sbd_has_beyond_it(tmp_path: Path) -> None:
    folder = make_sbd(make_voc(tmp_path))
    add_photos(folder)
    images = open_voc_segmentation(folder, "trainaug", sbd=folder)
    assert images.names == (*SPLITS["train"], "2008_000002", "2008_000003")
    assert np.array_equal(images.truth(0), truth(0))  # VOC's own, with void
    assert np.array_equal(images.truth(3), sbd_truth(1))
    assert [path.suffix for path in images.truths] == [".png"] * 3 + [".mat"] * 2
    with pytest.raises(UsageError, match="'trainaug'") as caught:
        open_voc_segmentation(folder, "trainaug")
    assert "--sbd" in str(caught.value)


def test_a_list_is_of_names_or_of_paths_and_annotations_may_be_sbds_as_pngs(tmp_path: Path) -> None:
    folder = make_sbd(make_voc(tmp_path))
    add_photos(folder)
    write_indices(folder / "VOCdevkit/VOC2012/SegmentationClassAug/2008_000003.png", sbd_truth(2))
    listed = tmp_path / "trainaug.txt"
    lines = "/JPEGImages/{0}.jpg /SegmentationClassAug/{0}.png\n"
    listed.write_text(lines.format("2008_000003") + "2007_000039\n")
    images = open_voc_segmentation(folder, "trainaug", listed=listed)
    assert images.names == ("2008_000003", "2007_000039")
    assert np.array_equal(images.truth(0), sbd_truth(2))
    listed.write_text("2008_000002\n")
    with pytest.raises(SourceFault, match="1 of 1 annotations are missing") as caught:
        open_voc_segmentation(folder, "trainaug", listed=listed)
    assert "SegmentationClass and ImageSets/Segmentation" in str(caught.value)


def test_gray_annotations_keep_255_as_void(tmp_path: Path) -> None:
    images = open_voc_segmentation(make_voc(tmp_path), "val", classes=("background", "thing"))
    gray = np.zeros((60, 80), np.uint8)
    gray[:5] = 255
    cv2.imwrite(str(images.truths[0]), gray)
    assert np.array_equal(images.truth(0), gray)
    with pytest.raises(SourceFault, match="a class that 2 classes do not have"):
        images.truth(1)
