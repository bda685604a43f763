"""Labeled images: crops as torchvision makes them, folders and shards alike, classes by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from lossless import make_lossless, photo
from PIL import Image
from torchvision.transforms import RandomResizedCrop, v2

from maskgen.errors import ShardFault, SourceFault, UsageError
from maskgen.trainers.datasets.images import center_crop, open_images, random_crop


def test_the_center_is_torchvisions_resize_and_center_crop() -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (20, 20, 3), np.uint8)
    photo = np.asarray(Image.fromarray(small).resize((512, 512), Image.Resampling.BICUBIC))
    theirs = v2.Compose([v2.Resize(256), v2.CenterCrop(224)])(Image.fromarray(photo))
    difference = np.abs(np.asarray(theirs).astype(int) - center_crop(photo, 224, 0.875))
    assert difference.max() <= 1
    assert np.array_equal(
        center_crop(photo[:, :400], 224, 0.875), center_crop(photo[56:456, :400], 224, 0.875)
    )


def test_the_whole_of_a_small_image_is_itself() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert np.array_equal(center_crop(image, 32, 1.0), image)


def test_random_crops_have_the_papers_areas_and_flips() -> None:
    image = np.zeros((100, 140, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(140)[None, :], np.arange(100)[:, None]
    rng, areas, flips = np.random.default_rng(0), [], []
    for _ in range(400):
        crop = random_crop(image, 32, rng).astype(float)
        width, height = np.ptp(crop[..., 0]) * 32 / 31, np.ptp(crop[..., 1]) * 32 / 31
        areas.append(width * height / 14000)
        flips.append(crop[0, 0, 0] > crop[0, -1, 0])
    assert 0.4 < np.mean(flips) < 0.6
    assert 0.05 < min(areas) < 0.12
    assert max(areas) > 0.85
    torch.manual_seed(0)
    picture = torch.zeros(3, 100, 140)
    theirs = [RandomResizedCrop.get_params(picture, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(400)]
    assert np.mean(areas) == pytest.approx(np.mean([h * w / 14000 for _, _, h, w in theirs]), abs=0.04)


def test_a_folder_and_its_shards_are_the_same_images(photo_folder: Path, shards: Path) -> None:
    folder, packed = open_images(photo_folder), open_images(shards)
    assert (len(folder), folder.classes) == (54, 3)
    assert np.array_equal(folder.labels, packed.labels)
    difference = np.abs(folder.read(40).astype(int) - packed.read(40))
    assert difference.mean() < 6  # the shards hold JPEGs of these PNGs


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no labeled images(.|\n)*--labels folder"):
        open_images(tmp_path)


def test_some_of_the_images_have_their_own_labels_and_mark(photo_folder: Path) -> None:
    images = open_images(photo_folder)
    some = images.take(np.array([40, 3]))
    assert some.labels.tolist() == [2, 0]
    assert np.array_equal(some.read(1), images.read(3))
    assert some.fingerprint not in (images.fingerprint, images.take(np.array([3, 40])).fingerprint)
    assert some.names == images.names == {0: "astronaut", 1: "cat", 2: "coffee"}


def test_linked_class_folders_are_the_classes_they_link_to(photo_folder: Path, tmp_path: Path) -> None:
    for place in photo_folder.iterdir():
        (tmp_path / place.name).symlink_to(place)
    (tmp_path / "zoo").symlink_to("..")  # holds the link itself: no class
    theirs, ours = open_images(photo_folder), open_images(tmp_path)
    assert (ours.names, ours.fingerprint) == (theirs.names, theirs.fingerprint)
    assert ours.labels.tolist() == theirs.labels.tolist()


def test_a_broken_link_is_named(photo_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").symlink_to(photo_folder / "cat" / "absent.png")
    with pytest.raises(SourceFault, match=r"picture cannot be read: .*cat/1\.png(.|\n)*broken link"):
        open_images(tmp_path)


def test_a_picture_that_does_not_decode_is_named(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "torn.png").write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()  # no class
    images = open_images(tmp_path)
    assert (images.classes, images.labels.tolist()) == (2, [0, 1])
    with pytest.raises(ShardFault, match=r"a picture does not decode(.|\n)*torn\.png"):
        images.read(1)


def test_photos_of_shards_that_are_pngs_are_those_of_their_folder(tmp_path: Path) -> None:
    ours, theirs = open_images(make_lossless(tmp_path)), open_images(tmp_path / "photos")
    assert ours.labels.tolist() == theirs.labels.tolist() == [0, 0, 0, 1, 1, 1]
    for row, number in enumerate([0, 2, 4, 1, 3, 5]):
        assert np.array_equal(ours.read(row), photo(number))
        assert np.array_equal(theirs.read(row), photo(number))
