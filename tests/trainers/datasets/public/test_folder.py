"""A set's folder: found by its name or the one above; what is missing is said with its official layout."""

from __future__ import annotations

from pathlib import Path

import pytest
from public_sets_kit import WRITERS, lines, write_pets

from maskgen.errors import SourceFault
from maskgen.trainers.datasets.public.folder import SetFolder, find_root
from maskgen.trainers.datasets.public.table import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_of_something_else_is_told_the_official_layout(kind: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(SourceFault) as told:
        KINDS[kind].open(tmp_path, KINDS[kind].splits[0], 1)
    assert KINDS[kind].files in str(told.value)


def test_a_set_that_is_still_packed_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "annotations.tar.gz").touch()
    with pytest.raises(
        SourceFault, match=r"is no Oxford-IIIT Pet(.|\n)*annotations\.tar\.gz is not unpacked"
    ):
        KINDS["pets"].open(tmp_path, "test", 1)
    lines(tmp_path / "annotations" / "test.txt", ["Abyssinian_1 1 1 1"])
    (tmp_path / "images.tar.gz").touch()
    with pytest.raises(SourceFault, match=r"pictures of Oxford-IIIT Pet are missing(.|\n)*not unpacked"):
        KINDS["pets"].open(tmp_path, "test", 1)
    with pytest.raises(SourceFault, match="no such folder"):
        KINDS["pets"].open(tmp_path / "absent", "test", 1)


def test_the_folder_and_the_one_above_are_the_same_set(tmp_path: Path) -> None:
    root = write_pets(tmp_path)
    above, itself = (KINDS["pets"].open(path, "test", 1) for path in (root, root / "oxford-iiit-pet"))
    assert above.fingerprint == itself.fingerprint


def test_fingerprints_tell_splits_apart(tmp_path: Path) -> None:
    for kind, write in WRITERS.items():
        root, known = write(tmp_path / kind), KINDS[kind]
        marks = {known.open(root, split, 1).fingerprint for split in known.splits}
        assert len(marks) == len(known.splits)


def test_lists_that_are_empty_or_no_text_are_named(tmp_path: Path) -> None:
    home = SetFolder(tmp_path, "Set", "a.txt of a.zip")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceFault, match="cannot read a list of Set"):
        home.rows("b.txt", "a.txt")
    (tmp_path / "a.txt").write_text("\n \n")
    with pytest.raises(SourceFault, match=r"a list of Set is empty(.|\n)*a\.txt of a\.zip"):
        home.rows("a.txt")
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(300 << 20)
    with pytest.raises(SourceFault, match="too large"):
        home.rows("a.txt")


def test_the_first_mark_that_is_there_decides(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b").touch()
    found = find_root(tmp_path, "Set", "", inside=("other", "inner"), marks=("a", "b"))
    assert found.root == tmp_path / "inner"
