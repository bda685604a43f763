"""Masks in folders: by path, by key, and what is no mask."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgen.errors import ImageFault, UsageError
from maskgen.pipelines.given.tree import MaskTree, tree_sha256


def put(path: Path, level: int, shape: tuple[int, ...] = (4, 6)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, np.full(shape, level, np.uint8))[1].tobytes())


@pytest.mark.parametrize(
    ("file", "photo", "key"),
    [
        ("a/b.png", "a/b.jpg", ""),
        ("a/b.jpg.png", "a/b.jpg", ""),
        ("a/b.webp", "a/b.JPEG", ""),
        ("n01/x.png", "train/n01/x.JPEG", "n01_x"),
        ("n01_x.png", "n01/x.JPEG", "n01_x"),
        ("v1.0/b.c.png", "v1.0/b.c.jpg", ""),
    ],
)
def test_a_mask_is_found_by_its_photos_path_or_key(tmp_path: Path, file: str, photo: str, key: str) -> None:
    put(tmp_path / file, 77)
    found = MaskTree(tmp_path).find(photo, key)
    assert found is not None
    assert (found.shape, found.dtype) == ((4, 6), np.uint8)
    assert (found == 77).all()
    assert MaskTree(tmp_path).find("other/b.jpg", "other") is None


def test_the_whole_name_counts_before_the_stem(tmp_path: Path) -> None:
    put(tmp_path / "a.png", 10)
    put(tmp_path / "a.jpg.png", 20)
    found = [MaskTree(tmp_path).find(name) for name in ("a.jpg", "a.webp")]
    assert [int(one.max()) for one in found if one is not None] == [20, 10]


def test_a_folder_of_the_same_file_name_is_not_taken_for_another_folders(tmp_path: Path) -> None:
    put(tmp_path / "b.png", 255)
    assert MaskTree(tmp_path).find("a/b.jpg", "a_b") is None


@pytest.mark.parametrize(
    ("level", "shape", "words"),
    [(1, (4, 6), "levels of 0 and 1"), (9, (4, 6, 4), "transparency"), (0, (4, 6, 3), "")],
)
def test_what_is_no_mask_is_a_fault_that_names_it(
    tmp_path: Path, level: int, shape: tuple[int, ...], words: str
) -> None:
    put(tmp_path / "a.png", level, shape)
    if not words:  # a gray picture written with three channels
        assert MaskTree(tmp_path).find("a.jpg") is not None
        return
    with pytest.raises(ImageFault, match=rf"bad-mask: a\.png: .*{words}"):
        MaskTree(tmp_path).find("a.jpg")


def test_a_soft_mask_that_found_next_to_nothing_is_known_by_those_beside_it(tmp_path: Path) -> None:
    """A network's map may reach 1 of 255; where no mask goes further, foreground is written as 1."""
    put(tmp_path / "soft/faint.png", 1)
    put(tmp_path / "soft/clear.png", 200)
    put(tmp_path / "units/a.png", 1)
    put(tmp_path / "units/b.png", 1)
    (tmp_path / "soft/broken.png").write_bytes(b"no picture")
    tree = MaskTree(tmp_path)
    faint = tree.find("soft/faint.jpg")
    assert faint is not None
    assert int(faint.max()) == 1
    for name in ("units/a.jpg", "units/b.jpg"):
        with pytest.raises(ImageFault, match="levels of 0 and 1"):
            tree.find(name)


def test_colors_are_refused(tmp_path: Path) -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[..., 0] = 200
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    with pytest.raises(ImageFault, match="color"):
        MaskTree(tmp_path).find("a.jpg")


def test_the_digest_is_of_names_and_contents_wherever_they_lie(tmp_path: Path) -> None:
    put(tmp_path / "one/x/a.png", 1)
    put(tmp_path / "one/b.png", 2)
    (tmp_path / "one/notes.txt").write_text("no mask")
    first = tree_sha256(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    (tmp_path / "two/notes.txt").unlink()
    assert tree_sha256(tmp_path / "two") == first
    put(tmp_path / "two/b.png", 3)
    assert tree_sha256(tmp_path / "two") != first
    put(tmp_path / "two/b.png", 2)
    (tmp_path / "two/b.png").rename(tmp_path / "two/c.png")
    assert tree_sha256(tmp_path / "two") != first
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no picture of a mask"):
        tree_sha256(tmp_path / "empty")
