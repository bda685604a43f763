"""Folders by their layout."""

from __future__ import annotations

from pathlib import Path

import pytest
from segmentation_kit import make_cityscapes, make_voc

from maskgen.errors import UsageError
from maskgen.trainers.datasets.segmentation.layouts import open_segmented


def test_the_layout_decides(tmp_path: Path) -> None:
    voc, streets = make_voc(tmp_path / "voc"), make_cityscapes(tmp_path / "streets")
    assert len(open_segmented(voc, "val").classes) == 21
    assert open_segmented(voc, "val", classes=("a", "b")).classes == ("a", "b")
    assert len(open_segmented(streets, "val").classes) == 19
    with pytest.raises(UsageError, match="--list is for VOC's layout"):
        open_segmented(streets, "val", listed=tmp_path)
    with pytest.raises(UsageError, match="--class is for VOC's layout"):
        open_segmented(streets, "val", classes=("road",))


def test_another_folder_is_told_both_layouts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no layout") as caught:
        open_segmented(tmp_path, "val")
    for part in ("JPEGImages, SegmentationClass and ImageSets/Segmentation", "leftImg8bit/SPLIT/CITY"):
        assert part in str(caught.value)
