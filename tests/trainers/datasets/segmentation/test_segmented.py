"""Photos with classes: parts of them, and files that do not belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from segmentation_kit import make_voc, truth

from maskgen.errors import SourceFault
from maskgen.trainers.datasets.index_png import write_indices
from maskgen.trainers.datasets.segmentation.voc import open_voc_segmentation


def test_a_part_is_in_its_own_order(tmp_path: Path) -> None:
    images = open_voc_segmentation(make_voc(tmp_path), "train")
    part = images.take([2, 0])
    assert part.names == (images.names[2], images.names[0])
    photo, found = part.pair(0)
    assert np.array_equal(found, truth(2))
    assert np.array_equal(photo, images.photo(2))
    assert len({images.fingerprint(), part.fingerprint(), images.take([0, 2]).fingerprint()}) == 3


def test_a_photo_and_an_annotation_of_two_sizes_are_refused(tmp_path: Path) -> None:
    images = open_voc_segmentation(make_voc(tmp_path), "train")
    write_indices(images.truths[1], truth(1)[:, :70])
    with pytest.raises(SourceFault, match="a photo of 80x60 px has an annotation of 70x60 px") as caught:
        images.pair(1)
    assert images.names[1] in str(caught.value)


def test_missing_photos_are_counted(tmp_path: Path) -> None:
    images = open_voc_segmentation(make_voc(tmp_path), "train")
    images.photos[1].unlink()
    with pytest.raises(SourceFault, match="1 of 3 photos are missing"):
        images.check()
