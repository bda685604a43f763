"""What a run trains on where it is no shards: any folder of photos, or a public set, labeled or not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from public_sets_kit import put, write_pets, write_stl

from maskgen.errors import UsageError
from maskgen.loaders.dataset.dataset import Dataset
from maskgen.loaders.dataset.photo_set import PhotoSet
from maskgen.trainers.datasets.images import images_of_data, open_images
from maskgen.trainers.datasets.photos import open_training
from maskgen.trainers.settings import Settings


def opened(data: str, **values: Any) -> PhotoSet:
    found = open_training(Settings(data=data, output=Path("unused"), **values))
    assert isinstance(found, PhotoSet)
    return found


def test_a_folder_of_classes_is_what_it_is_for_evaluations(photo_folder: Path) -> None:
    photos, images = opened(f"folder:{photo_folder}"), open_images(photo_folder)
    assert photos.labels.tolist() == images.labels.tolist()
    assert (photos.names, photos.fingerprint) == (images.names, images.fingerprint)
    assert np.array_equal(photos.read(7), images.read(7))
    assert photos.key(7) == "astronaut/07.png"


def test_photos_lie_at_any_depth_and_have_classes_only_if_all_are_in_folders(tmp_path: Path) -> None:
    for number, name in enumerate(("b/deep/er/x.jpg", "a/y.JPG", "z.jpeg")):
        put(tmp_path / name, number)
    (tmp_path / "a" / "notes.txt").touch()
    (tmp_path / ".hidden").mkdir()
    photos = opened(f"folder:{tmp_path}")
    assert [photos.key(number) for number in range(3)] == ["a/y.JPG", "b/deep/er/x.jpg", "z.jpeg"]
    assert (photos.labels.tolist(), photos.names) == ([-1] * 3, {})
    assert len(images_of_data(photos)) == 0
    (tmp_path / "z.jpeg").unlink()
    assert opened(f"folder:{tmp_path}").labels.tolist() == [0, 1]


def test_sets_are_trained_on_by_split_and_without_labels(tmp_path: Path) -> None:
    stl = write_stl(tmp_path / "stl")
    assert opened(f"stl10:{stl}").samples == 10
    both = opened(f"stl10:{stl}@train+unlabeled")
    assert (both.samples, len(images_of_data(both))) == (15, 10)
    pets = opened(f"pets:{write_pets(tmp_path / 'pets')}@test")
    assert pets.key(0) == "Abyssinian_5.jpg"
    assert pets.where.endswith("@test")


def test_a_part_is_drawn_or_named_by_path(photo_folder: Path, tmp_path: Path) -> None:
    part = opened(f"folder:{photo_folder}", sample=6, sample_by="classes")
    assert sorted(part.labels.tolist()) == [0, 0, 1, 1, 2, 2]
    (tmp_path / "keys.txt").write_text("cat/03.png\ncoffee/00.png\n")
    named = opened(f"folder:{photo_folder}", keys=str(tmp_path / "keys.txt"))
    assert [named.key(0), named.key(1)] == ["cat/03.png", "coffee/00.png"]


def test_shards_stay_shards(shards: Path) -> None:
    found = open_training(Settings(data=str(shards), output=Path("unused")))
    assert isinstance(found, Dataset)
    assert len(images_of_data(found)) == 54


@pytest.mark.parametrize(
    "values", [{"photos": "x"}, {"cache": "x"}, {"shuffle": "shards:2"}, {"loader": "dali"}]
)
def test_options_of_shards_are_refused(values: dict[str, str], photo_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"is for shards(.|\n)*leave --"):
        opened(f"folder:{photo_folder}", **values)


def test_a_folder_without_photos_is_refused(tmp_path: Path, photo_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"there are no photos(.|\n)*\.jpeg"):
        opened(f"folder:{tmp_path}")
    shutil.copy(photo_folder / "cat" / "00.png", tmp_path / "00.png")
    assert opened(f"folder:{tmp_path}").samples == 1
