"""Lists of training images: by names of files, by keys of shards, and what is wrong with some."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskgen.errors import UsageError
from maskgen.trainers.datasets.images import open_images
from maskgen.trainers.evaluations.finetune.listed import read_list, take_listed

WNIDS = ("n01440764", "n02123045", "n04235860")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of three pictures, gray by their number."""
    for label, wnid in enumerate(WNIDS):
        (tmp_path / "train" / wnid).mkdir(parents=True)
        for number in range(3):
            picture = Image.fromarray(np.full((8, 8, 3), 10 * (3 * label + number), np.uint8))
            picture.save(tmp_path / "train" / wnid / f"{wnid}_{number}.png")
    return tmp_path / "train"


def write(folder: Path, *names: str) -> Path:
    path = folder.parent / "list.txt"
    path.write_text("".join(f"{name}\n" for name in names))
    return path


def test_a_part_of_the_images_keeps_its_classes(folder: Path) -> None:
    """Whatever the ending in the list, with or without the class's folder; in the folder's order."""
    listed = write(folder, "n04235860/n04235860_1.JPEG", "n02123045_2.JPEG", "", "n04235860_0.png")
    found = take_listed(open_images(folder), listed)
    assert (found.lines, found.missing) == (3, 0)
    assert found.images.labels.tolist() == [1, 2, 2]
    assert [int(found.images.read(n)[0, 0, 0]) for n in range(3)] == [50, 60, 70]
    again = take_listed(found.images, write(folder, "n04235860_1.JPEG"))
    assert int(again.images.read(0)[0, 0, 0]) == 70


def test_missing_images_are_an_error_unless_they_are_allowed(folder: Path) -> None:
    listed = write(folder, "n02123045_2.JPEG", "n02123045_7.JPEG", "n99999999_1.JPEG")
    with pytest.raises(UsageError, match="2 of 3 images of the list are not among") as caught:
        take_listed(open_images(folder), listed)
    assert "n02123045_7.JPEG, n99999999_1.JPEG" in str(caught.value)
    found = take_listed(open_images(folder), listed, allow_missing=True)
    assert (len(found.images), found.lines, found.missing) == (1, 3, 2)
    with pytest.raises(UsageError, match="1 of 1"):
        take_listed(open_images(folder), write(folder, "other.JPEG"), allow_missing=True)


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ((), "names no image"),
        (("n02123045_2.JPEG", "n02123045/n02123045_2.png"), "names an image twice"),
        (("n02123045_9.png",), "lies among the images of n01440764"),
    ],
)
def test_an_odd_list_is_refused(names: tuple[str, ...], what: str, folder: Path) -> None:
    (folder / WNIDS[0] / "n02123045_9.png").write_bytes((folder / WNIDS[0] / "n01440764_0.png").read_bytes())
    with pytest.raises(UsageError, match=what):
        take_listed(open_images(folder), write(folder, *names))


def test_two_images_of_one_name_are_refused(folder: Path) -> None:
    (folder / WNIDS[0] / "more").mkdir()
    shutil.copy(folder / WNIDS[0] / "n01440764_0.png", folder / WNIDS[0] / "more")
    with pytest.raises(UsageError, match="1 training images have the name of another"):
        take_listed(open_images(folder), write(folder, "n01440764_1.png"))


@pytest.mark.slow
def test_shards_are_asked_by_their_keys(shards: Path, tmp_path: Path) -> None:
    images = open_images(shards)
    assert images.shards is not None
    keys = images.shards[0].keys(images.shards[1])
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(f"{keys[row]}.JPEG" for row in (5, 40)))
    found = take_listed(images, listed).images
    assert found.labels.tolist() == images.labels[[5, 40]].tolist()
    assert np.array_equal(found.read(1), images.read(40))


def test_simclrs_one_percent_are_12811_images_of_1000_classes(shared_data: Path) -> None:
    names = read_list(shared_data / "eval" / "lists" / "simclr_1percent.txt")
    counts = Counter(name.partition("_")[0] for name in names)
    assert len(names) == 12_811
    assert Counter(counts.values()) == {12: 189, 13: 811}
