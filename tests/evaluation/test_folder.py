"""A folder of masks: each picture once, and words for a folder that holds something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from mask_files import grid, half, write

from maskgen.errors import UsageError
from maskgen.evaluation import pairs


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no PNG or JPEG"):
        pairs.open_masks(tmp_path)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("a.bmp", "1 .bmp"),
        ("x-000000.tar", "shards without their manifest"),
        ("manifest.json", "only masks may be given as shards"),
        ("", "it is empty"),
    ],
)
def test_a_folder_without_pictures_says_what_it_holds(tmp_path: Path, file: str, told: str) -> None:
    if file:
        (tmp_path / file).write_bytes(b"BM")
    with pytest.raises(UsageError, match=told):
        pairs.open_truths(tmp_path)


def test_links_to_folders_are_not_followed_but_named(tmp_path: Path) -> None:
    write(tmp_path / "far", a=half())
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "train").symlink_to(tmp_path / "far")
    with pytest.raises(UsageError, match="links to folders, as train, are not followed"):
        pairs.open_truths(tmp_path / "near")


def test_two_files_of_one_stem_are_refused(tmp_path: Path) -> None:
    masks = write(tmp_path / "masks", a=grid(0))
    write(masks / "sub", a=grid(1))
    with pytest.raises(UsageError, match="two files are named 'a'"):
        pairs.open_masks(masks)
