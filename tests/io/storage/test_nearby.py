"""Copies nearby hold what is there, and go away."""

from __future__ import annotations

from pathlib import Path

from faulty_store import FaultyStore

from maskgen.io.storage.location import ObjectLocation
from maskgen.io.storage.nearby import copy_to, nearby


def test_a_folder_is_its_own_copy(tmp_path: Path) -> None:
    with nearby(tmp_path, ["a"]) as same:
        assert same == tmp_path


def test_of_a_store_the_files_are_copied_and_what_is_absent_is_absent(
    faulty_store: FaultyStore, tmp_path: Path
) -> None:
    faulty_store.objects["root/a"] = b"data"
    far = ObjectLocation("s3://bucket", "root")
    with nearby(far, ["a", "absent"]) as near:
        assert {one.name: one.read_bytes() for one in near.iterdir()} == {"a": b"data"}
    assert not near.exists()
    assert not copy_to(far / "absent", tmp_path / "new")
    assert not (tmp_path / "new").exists()
