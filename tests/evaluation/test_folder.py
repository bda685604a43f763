"""A folder of masks: each picture once, and words for a folder that holds something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from mask_files import grid, half, write

from maskgen.errors import UsageError
from maskgen.evaluation import pairs
from maskgen.evaluation.folder import pictures


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


def test_links_to_folders_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "far", a=half())
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "train").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "around").symlink_to(tmp_path / "near")
    assert list(pictures(tmp_path / "near")) == ["a"]


def test_a_broken_link_is_no_mask_that_is_merely_missing(tmp_path: Path) -> None:
    write(tmp_path, a=half())
    (tmp_path / "b.png").symlink_to("nowhere")
    with pytest.raises(UsageError, match=r"picture cannot be read: .*b\.png(.|\n)*broken link"):
        pictures(tmp_path)


def test_two_files_of_one_stem_are_refused(tmp_path: Path) -> None:
    masks = write(tmp_path / "masks", a=grid(0))
    write(masks / "sub", a=grid(1))
    with pytest.raises(UsageError, match="two files are named 'a'"):
        pairs.open_masks(masks)
