"""Names, notes and walks that all sources share."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from maskgen.errors import SourceFault
from maskgen.io.folders import walk_folder
from maskgen.pipelines.sources.listing import (
    LEFT_OUT,
    containers,
    folder_photos,
    is_hidden,
    is_image_name,
    relative,
    shown,
    split_name,
    tree_photos,
)
from maskgen.pipelines.sources.parts import Notes


@pytest.mark.slow
def test_memory_is_that_of_one_folder(tmp_path: Path) -> None:
    for folder in range(40):
        (tmp_path / f"{folder}").mkdir()
        for n in range(250):
            (tmp_path / f"{folder}/{n}.jpg").touch()
    tracemalloc.start()
    assert sum(1 for _ in tree_photos(walk_folder(tmp_path), "", Notes())) == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.slow
def test_deep_trees(opened: Any, tmp_path: Path) -> None:
    place = tmp_path
    for _ in range(900):
        place /= "d"
    place.mkdir(parents=True)
    (place / "x.jpg").write_bytes(b"1")
    assert opened("folder", tmp_path).names == ["d/" * 900 + "x"]


def test_notes_count_and_keep_the_first_example() -> None:
    notes = Notes()
    notes.add("broken link", "broken links", "a")
    notes.add("file", "files", "b", 3)
    notes.add("record was", "records were", "d")
    notes.add("", "labels", "none", 0)
    notes.add("broken link", "broken links", "c")
    assert notes.lines() == [
        "2 broken links (first: a)",
        "3 files (first: b)",
        "1 record was (first: d)",
        "0 labels (first: none)",
    ]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.b.JPG", ("a.b", "jpg")),
        ("plain", ("plain", "")),
        (".hidden", (".hidden", "")),
        ("a.d/x", ("a.d/x", "")),
        ("é.png", ("é", "png")),
    ],
)
def test_names_are_split_at_their_last_dot(name: str, parts: tuple[str, str]) -> None:
    assert split_name(name) == parts
    assert is_image_name(name) == (parts[1] in ("jpg", "png"))


def test_names_are_shown_as_text_that_no_terminal_obeys() -> None:
    assert shown("a\x1b[2Jb") == "a\\x1b[2Jb"
    assert shown("caf\udce9") == "caf\\udce9"
    assert shown("é") == "é"


def test_hidden_members_and_paths_from_the_root() -> None:
    assert is_hidden("a/._b.jpg")
    assert not is_hidden("a.b/c")
    assert relative(Path("/data/x/y"), Path("/data")) == "x/y"
    assert relative(Path("/data"), Path("/data")) == ""


def test_the_photos_of_a_tree_and_of_one_folder_come_sorted_by_path(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/x.jpg", "b.jpg", "b-a.jpg", "a.txt", ".hidden"):
        (tmp_path / name).write_bytes(b"12")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "link").symlink_to("b")
    (tmp_path / "b" / "up").symlink_to("..")
    notes = Notes()
    walked = [photo.path for photo in tree_photos(walk_folder(tmp_path), "in/", notes)]
    assert walked == sorted(walked, key=str.encode)
    assert walked == ["in/b-a.jpg", "in/b.jpg", "in/b/x.jpg", "in/link/x.jpg"]
    assert notes.lines() == [
        "1 file without an image extension was left out (first: in/a.txt)",
        "2 links to folders that hold the link were not followed (first: in/b/up)",
        f"1 {LEFT_OUT[0]} (first: in/gone)",
    ]
    assert [photo.path for photo in folder_photos(tmp_path, "in/", notes)] == ["in/b-a.jpg", "in/b.jpg"]


def test_a_container_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(b"")
    (tmp_path / "a.tar").write_bytes(b"")
    assert containers(tmp_path, lambda name: name.endswith(".tar")) == ["a.tar", "b.tar"]
    (tmp_path / "c.tar").symlink_to("nowhere")
    with pytest.raises(SourceFault, match=r"part of the data set cannot be read: .*c\.tar"):
        containers(tmp_path, lambda name: name.endswith(".tar"))
    assert containers(tmp_path, lambda name: name.startswith("a")) == ["a.tar"]
