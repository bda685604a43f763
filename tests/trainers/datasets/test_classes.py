"""Classes of test images against those of training images: by name, by number, or refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskgen.errors import UsageError
from maskgen.trainers.datasets.classes import renumber_classes, require_classes
from maskgen.trainers.datasets.images import Images, open_images

pytestmark = pytest.mark.slow  # its fixtures are

NAMES = {0: "astronaut", 1: "cat", 2: "coffee"}


def some(photos: Path, target: Path, classes: dict[str, str], empty: tuple[str, ...] = ()) -> Path:
    """A folder of classes, each a copy of one of the photos' own, and folders without pictures."""
    for name, source in classes.items():
        shutil.copytree(photos / source, target / name)
    for name in empty:
        (target / name).mkdir(parents=True)
    return target


def nameless(images: Images) -> Images:
    return replace(images, names={})


def test_folders_and_shards_of_them_know_their_classes_names(photo_folder: Path, shards: Path) -> None:
    assert open_images(photo_folder).names == open_images(shards).names == NAMES


@pytest.mark.parametrize("packed", [False, True])
def test_a_part_of_the_classes_keeps_their_numbers(
    packed: bool, photo_folder: Path, shards: Path, tmp_path: Path
) -> None:
    train = open_images(shards if packed else photo_folder)
    test = open_images(some(photo_folder, tmp_path, {"coffee": "coffee"}, empty=("aaa", "cat")))
    assert test.labels.tolist() == [0] * 18
    found = renumber_classes(train, test, "here")
    assert found.labels.tolist() == [2] * 18
    assert np.array_equal(found.read(3), test.read(3))


@pytest.mark.parametrize("packed", [False, True])
def test_more_classes_in_the_training_images_shift_no_numbers(
    packed: bool, photo_folder: Path, shards: Path, tmp_path: Path
) -> None:
    """Sorted: astronaut 0, bear 1, cat 2, coffee 3; the empty folder counts for nothing."""
    classes = {"astronaut": "astronaut", "bear": "cat", "cat": "cat", "coffee": "coffee"}
    train = open_images(some(photo_folder, tmp_path, classes, empty=("aardvark",)))
    found = renumber_classes(train, open_images(shards if packed else photo_folder), "here")
    assert found.labels.tolist() == [0] * 18 + [2] * 18 + [3] * 18


def test_a_class_that_training_lacks_is_named(photo_folder: Path, shards: Path, tmp_path: Path) -> None:
    test = open_images(some(photo_folder, tmp_path, {"dog": "cat", "coffee": "coffee"}))
    for train in (photo_folder, shards):
        with pytest.raises(UsageError, match="the training images lack, dog: here"):
            renumber_classes(open_images(train), test, "here")


def test_numbers_alone_are_matched_by_number(photo_folder: Path) -> None:
    train = nameless(open_images(photo_folder))
    test = train.take(np.arange(40, 54))
    assert renumber_classes(train, test, "here").labels.tolist() == [2] * 14
    with pytest.raises(UsageError, match="lack, 2: here"):
        renumber_classes(train.take(np.arange(36)), test, "here")


def test_places_among_names_are_numbers_only_if_all_are_there(photo_folder: Path) -> None:
    named = open_images(photo_folder)
    assert renumber_classes(named, nameless(named), "here").labels.tolist() == named.labels.tolist()
    part = np.arange(36, 54)
    for train, test in ((named, nameless(named).take(part)), (nameless(named), named.take(part))):
        with pytest.raises(UsageError, match="cannot match the classes"):
            renumber_classes(train, test, "here")


def test_images_of_one_class_are_refused_and_the_right_folder_is_named(
    photo_folder: Path, tmp_path: Path
) -> None:
    """A set whose val was never downloaded is one class, train: every answer on it would be right."""
    shutil.copytree(photo_folder, tmp_path / "half" / "train")
    half = open_images(tmp_path / "half")
    with pytest.raises(UsageError, match=r"of one class, train: (.|\n)*half/train"):
        require_classes(half, str(tmp_path / "half"))
    with pytest.raises(UsageError, match=r"of one class: here(.|\n)*labels are all the same"):
        require_classes(nameless(half), "here")
    both = open_images(photo_folder)
    assert require_classes(both, "here") is both
