"""Walks of folders: order, links that lead on, in circles and nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maskgen.errors import SourceFault
from maskgen.io import folders
from maskgen.io.folders import branches, entries, is_circle, walk_branch, walk_folder


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"12")


def found(root: Path) -> dict[str, str]:
    return {entry.name: entry.kind for entry in walk_folder(root)}


def test_entries_are_sorted_so_that_a_walk_gives_sorted_paths(tmp_path: Path) -> None:
    touch(tmp_path, "b/x.jpg", "b.jpg", "b-a.jpg", "a.txt", ".hidden", ".h/y.jpg")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "link").symlink_to("b")
    listed = entries(tmp_path)
    assert [entry.name for entry in listed] == ["a.txt", "b-a.jpg", "b.jpg", "b", "gone", "link"]
    kinds = {entry.name: (entry.kind, entry.size) for entry in listed}
    assert kinds["a.txt"] == ("file", 2)
    assert [kinds[name][0] for name in ("b", "gone", "link")] == ["folder", "unreadable", "linked folder"]
    walked = [entry.name for entry in walk_folder(tmp_path)]
    assert walked == sorted(walked, key=str.encode)
    assert walked == ["a.txt", "b-a.jpg", "b.jpg", "b/x.jpg", "gone", "link/x.jpg"]


def test_a_walk_finds_the_files_that_another_walker_finds_behind_links(tmp_path: Path) -> None:
    touch(tmp_path, "far/deep/1.jpg", "far/2.jpg", "root/own/3.jpg", "other/4.jpg")
    (tmp_path / "root" / "cats").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "deep" / "on").symlink_to("../../other")
    (tmp_path / "root" / "again").symlink_to("own")
    root = tmp_path / "root"
    theirs = [
        os.path.relpath(f"{above}/{name}", root)
        for above, _, names in os.walk(root, followlinks=True)
        for name in names
    ]
    assert [entry.name for entry in walk_folder(root)] == sorted(theirs, key=str.encode)
    assert sorted(theirs) == [
        "again/3.jpg",
        "cats/2.jpg",
        "cats/deep/1.jpg",
        "cats/deep/on/4.jpg",
        "own/3.jpg",
    ]


def test_a_link_to_a_folder_that_holds_it_is_told_and_not_followed(tmp_path: Path) -> None:
    touch(tmp_path, "root/a/1.jpg", "far/x/2.jpg", "beside.jpg")
    root = tmp_path / "root"
    (root / "self").symlink_to(".")
    (root / "a" / "up").symlink_to("..")
    (root / "above").symlink_to("../..")
    (root / "far").symlink_to("../far/x")
    (tmp_path / "far" / "x" / "around").symlink_to("../../far")  # holds the link, by its real path alone
    (tmp_path / "far" / "x" / "back").symlink_to(root / "a")
    (root / "knot").symlink_to("knot")
    kinds = found(root)
    assert [name for name, kind in kinds.items() if kind == "file"] == [
        "a/1.jpg", "far/2.jpg", "far/back/1.jpg",
    ]  # fmt: skip
    circles = ["a/up", "above", "far/around", "far/back/up", "self"]
    assert [name for name, kind in kinds.items() if kind == "circle"] == circles
    assert kinds["knot"] == "unreadable"
    assert [is_circle(root / name) for name in ("self", "above", "far", "a/up")] == [True, True, False, True]


def test_a_walk_from_a_link_knows_the_real_folders(tmp_path: Path) -> None:
    touch(tmp_path, "real/a/1.jpg")
    (tmp_path / "real" / "a" / "home").symlink_to(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    assert found(tmp_path / "link") == {"a/1.jpg": "file", "a/home": "circle"}


def test_folders_whose_names_begin_alike_are_no_circle(tmp_path: Path) -> None:
    touch(tmp_path, "set/1.jpg", "set-2/2.jpg")
    (tmp_path / "set-2" / "more").symlink_to("../set")
    assert found(tmp_path / "set-2") == {"2.jpg": "file", "more/1.jpg": "file"}


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceFault, match=r"cannot list a folder(.|\n)*absent"):
        found(tmp_path / "absent")


@pytest.mark.parametrize("least", [1, 2, 5, 100])
def test_the_parts_of_a_walk_are_the_walk(
    least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files between folders, links that lead on and in circles, folders without files; runs of two files."""
    monkeypatch.setattr(folders, "_RUN", 2)
    names = (
        "a.jpg",
        "b/1.jpg",
        "b/c/2.jpg",
        "b/c/d/e/3.jpg",
        "b/f.jpg",
        "b-.jpg",
        "b0/4.jpg",
        "z1",
        "z2",
        "z3",
    )
    touch(tmp_path, *names, "b/c/d/e/5.jpg", "b/c/d/e/f/6.jpg")
    (tmp_path / "b" / "empty" / "more").mkdir(parents=True)
    (tmp_path / "b" / "up").symlink_to("..")
    (tmp_path / "b" / "c" / "d" / "up").symlink_to("../..")
    (tmp_path / "again").symlink_to("b0")
    parts = branches(tmp_path, least)
    assert [entry for part in parts for entry in walk_branch(tmp_path, part)] == list(walk_folder(tmp_path))
    assert len(parts) >= min(least, 12)
