"""Crops against plain slices, and their draws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from segmentation_kit import make_voc, truth

from maskgen.trainers.datasets.segmentation.segmented import Segmented
from maskgen.trainers.datasets.segmentation.voc import open_voc_segmentation
from maskgen.trainers.evaluations.fcn.crops import Cropper

FILL = (124, 116, 104)
CROPPER = Cropper(side=48, scales=(1.0, 1.0), fill=FILL, seed=0)


@pytest.fixture
def images(tmp_path: Path) -> Segmented:
    return open_voc_segmentation(make_voc(tmp_path), "train")


def test_unscaled_crops_are_pieces_of_photo_and_classes_alike(images: Segmented) -> None:
    photo, classes = images.pair(1)
    pieces = {}
    for flipped, (one, two) in enumerate(((photo, classes), (photo[:, ::-1], classes[:, ::-1]))):
        for top in range(60 - 48 + 1):
            for left in range(80 - 48 + 1):
                part = np.s_[top : top + 48, left : left + 48]
                pieces[one[part].tobytes()] = (flipped, top, left, two[part])
    found = []
    for epoch in range(150):
        crop = CROPPER.crop(images, 1, epoch)
        *where, numbers = pieces[crop.photo.tobytes()]
        assert np.array_equal(crop.classes, numbers)
        found.append(where)
    flips, tops, lefts = np.array(found).T
    assert 0.35 < flips.mean() < 0.65
    assert (tops.min(), tops.max()) == (0, 12)
    assert lefts.min() <= 2
    assert lefts.max() >= 30


def test_a_small_photo_is_padded_with_the_mean_and_void(images: Segmented) -> None:
    crop = replace(CROPPER, side=100).crop(images, 0, 0)
    photo, classes = images.pair(0)
    if not np.array_equal(crop.classes[:60, :80], truth(0)):
        crop = type(crop)(crop.photo[:, ::-1], crop.classes[:, ::-1])
    assert np.array_equal(crop.photo[:60, :80], photo)
    assert np.array_equal(crop.classes[:60, :80], classes)
    for outside in (np.s_[60:], np.s_[:, 80:]):
        assert (crop.classes[outside] == 255).all()
        assert (crop.photo[outside] == FILL).all()


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_scaled_classes_stay_on_what_they_name(images: Segmented, factor: float) -> None:
    """Whatever the scale, a pixel that is named a bus is red inside: no new numbers, no shift."""
    crop = replace(CROPPER, scales=(factor, factor), side=160).crop(images, 0, 3)
    assert set(np.unique(crop.classes)) <= set(np.unique(truth(0)).tolist()) | {255}
    assert (crop.classes == 6).sum() == pytest.approx((truth(0) == 6).sum() * factor**2, rel=0.06)
    bus = crop.photo[crop.classes == 6].astype(int)
    assert np.median(np.abs(bus - (30, 30, 220)[::1])) < 12
    reddest = (crop.photo[..., 2].astype(int) > 175) & (crop.photo[..., 0] < 80)
    inside = (crop.classes == 6) | (crop.classes == 255)
    assert not (reddest & ~inside).any()


def test_crops_follow_from_seed_epoch_and_number(images: Segmented) -> None:
    cropper = Cropper(side=32, scales=(0.5, 2.0), fill=FILL, seed=0)
    first = cropper.crop(images, 0, 0).photo
    assert np.array_equal(first, cropper.crop(images, 0, 0).photo)
    for other in (
        cropper.crop(images, 0, 1),
        cropper.crop(images, 2, 0),
        replace(cropper, seed=1).crop(images, 0, 0),
    ):
        assert not np.array_equal(first, other.photo)
