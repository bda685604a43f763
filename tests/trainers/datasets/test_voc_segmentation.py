"""VOC's segmentation: its layout, its classes, and what is missing from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from segmentation_kit import SPLITS, make_voc, truth

from maskgen.errors import SourceFault, UsageError
from maskgen.trainers.datasets.index_png import write_indices
from maskgen.trainers.datasets.voc_segmentation import CLASSES, open_voc_segmentation


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
    write_indices(images.truth_path(0), np.full((4, 4), 21, np.uint8))
    with pytest.raises(SourceFault, match="a class that VOC does not have"):
        images.truth(0)
    (root / "JPEGImages" / f"{images.names[0]}.jpg").write_bytes(b"none")
    with pytest.raises(SourceFault, match="cannot read a photo"):
        images.photo(0)
    images.truth_path(1).unlink()
    with pytest.raises(SourceFault, match="1 of 2 annotations are missing"):
        open_voc_segmentation(tmp_path, "val")
    for text in ("", "../../etc/passwd\n"):
        (root / "ImageSets" / "Segmentation" / "val.txt").write_text(text)
        with pytest.raises(UsageError, match="names no photos"):
            open_voc_segmentation(tmp_path, "val")
