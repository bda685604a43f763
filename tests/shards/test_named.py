"""Samples named in a file: by key, by path below the source's folder, by path above it."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import UsageError
from maskgen.shards.named import NamedSamples

PHOTOS = {
    "cats_a": "cats/a.jpg",
    "cats_a_0123456789ab": "cats/a.png",  # the second of one stem has a hash in its key
    "old_dogs_b": "old dogs/b.jpg",
    "b": "b.jpg",
    "cats_old_dogs_b": "cats/old dogs/b.jpg",
    "000012": "val2017/000012.jpg",
}


def found(folder: Path, *lines: str) -> list[str]:
    file = folder / "names.txt"
    file.write_text("\n".join(lines), encoding="utf-8")
    named = NamedSamples(file, "photos")
    for key, path in PHOTOS.items():
        named.add(key, path)
    return [list(PHOTOS)[row] for row in named.rows()]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("cats_a", "cats_a"),
        ("cats/a.jpg", "cats_a"),
        ("./cats//a.jpg", "cats_a"),
        ("cats/a.png", "cats_a_0123456789ab"),
        ("photos/cats/a.png", "cats_a_0123456789ab"),
        (str(Path.cwd() / "photos/cats/a.jpg"), "cats_a"),
        ("b.jpg", "b"),
        ("old dogs/b.jpg", "old_dogs_b"),
        ("000012.JPEG", "000012"),  # COCO's and ImageNet's keys are stems
        ("photos/val2017/000012.jpg", "000012"),
    ],
)
def test_a_line_names_one_photo(line: str, key: str, tmp_path: Path) -> None:
    assert found(tmp_path, line) == [key]


def test_lines_keep_their_order_and_may_repeat(tmp_path: Path) -> None:
    assert found(tmp_path, "old dogs/b.jpg", "", "cats_a", "old_dogs_b") == [
        "old_dogs_b",
        "cats_a",
        "old_dogs_b",
    ]


@pytest.mark.parametrize(
    "line", ["cats/a.gif", "cats/c.jpg", "cat_a", "photos", "dogs/b.jpg", "x/photos/b.jpg", "s/a.jpg"]
)
def test_what_is_not_there_is_refused_with_the_way_to_write_it(line: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"1 of the keys is not in the data set") as error:
        found(tmp_path, "cats_a", line)
    assert line in error.value.where
    assert "below the run's --input" in error.value.remedy


def test_a_path_that_could_be_two_photos_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("photos/a.jpg")
    named = NamedSamples(file, "photos")
    named.add("a", "a.jpg")
    named.add("photos_a", "photos/a.jpg")
    with pytest.raises(UsageError, match="could mean two photos") as error:
        named.rows()
    assert "a.jpg" in error.value.where


def test_without_the_folder_a_path_is_one_below_it(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("photos/a.jpg")
    named = NamedSamples(file)
    named.add("a", "a.jpg")
    with pytest.raises(UsageError, match="not in the data set"):
        named.rows()
