from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest

from maskgen.challenge.folders import SPLIT, class_folders, encode_mask, make_folders, write_file


def test_folders_sort_as_the_labels_count() -> None:
    names = class_folders([2, 9, 10, 137], {2: "a", 9: "b/c", 10: "Zebra"})
    assert names == {2: "002_a", 9: "009_b_c", 10: "010_Zebra", 137: "137"}
    assert sorted(names.values()) == list(names.values())


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("Zebra", "night heron"), ["Zebra", "night heron"]),
        (("heron", "Zebra"), ["00_heron", "01_Zebra"]),  # they sort the other way
        (("heron", "heron"), ["00_heron", "01_heron"]),
        ((".hidden", "heron"), ["00__hidden", "01_heron"]),
        (("a\nb", "heron"), ["00_a_b", "01_heron"]),  # would break the list of checksums
        (("a", ""), ["00_a", "01_image_e3b0c44298fc"]),
    ],
)
def test_names_stand_alone_where_they_sort_as_the_labels(names: tuple[str, str], found: list[str]) -> None:
    assert list(class_folders([0, 1], dict(enumerate(names))).values()) == found


def test_a_mask_is_a_plain_array_of_zeros_and_ones() -> None:
    mask = np.eye(5, dtype=np.bool_)
    read = np.load(io.BytesIO(encode_mask(mask)), allow_pickle=False)
    assert read.dtype == np.uint8
    assert (read == np.eye(5)).all()
    assert encode_mask(mask) == encode_mask(mask.copy())


def test_what_a_dead_process_left_in_a_class_is_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "a" / SPLIT / "00"
    make_folders(tmp_path, ("a",), {0: "00"})
    left = folder / ".x.png.elsewhere-00000000-1-1-0.partial"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))  # nobody has written to it for longer than any lease
    (folder / "done.png").write_bytes(b"whole")
    make_folders(tmp_path, ("a",), {0: "00"})
    assert [path.name for path in folder.iterdir()] == ["done.png"]


def test_a_written_file_is_hashed_and_replaces_what_was_there(tmp_path: Path) -> None:
    for data in (b"one", b"another"):
        assert write_file(tmp_path / "x", data) == hashlib.sha256(data).hexdigest()
        assert (tmp_path / "x").read_bytes() == data
    assert len(list(tmp_path.iterdir())) == 1
