"""Trees of photos: order, names, labels, links, and what is left out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maskgen.errors import SourceFault, UsageError

Write = Callable[[dict[str, bytes]], Path]

TREE = [
    "b/x.JPG",
    "b.jpg",
    "b-a/y.png",
    "b/x/z.webp",
    "B.jpeg",
    "é/ü.jpg",
    "a.b.c.gif",
    "b/x.png",
    "0/1/2/3/4.avif",
]


def test_every_image_in_the_order_of_its_bytes(opened: Any, write: Write) -> None:
    root = write(
        {name: name.encode() for name in TREE} | {"notes.txt": b"", ".hidden.jpg": b"", ".git/x.jpg": b""}
    )
    found = opened("folder", root)
    expected = sorted(TREE, key=lambda name: name.encode())
    assert [item.path for item in found.items] == expected
    assert found.names == [name.rpartition(".")[0] for name in expected]
    assert {item.path: found.bytes()[item.name] for item in found.items if item.path != "b/x.JPG"} == {
        name: name.encode() for name in expected if name != "b/x.JPG"
    }
    assert found.source.notes == ["1 file without an image extension was left out (first: notes.txt)"]
    assert set(found.labels.values()) == {None}


def test_order_does_not_depend_on_the_file_system(
    opened: Any, write: Write, shuffled_scandir: Callable[[int], None]
) -> None:
    root = write({f"{a}/{b}/{c}.jpg": b"1" for a in "cab" for b in "zxy" for c in "210"})
    plain = opened("folder", root, labels="folder").items
    for seed in range(5):
        shuffled_scandir(seed)
        assert opened("folder", root, labels="folder").items == plain


def test_labels_from_folders(opened: Any, write: Write) -> None:
    root = write(
        {"dog/1.jpg": b"", "cat/deep/2.jpg": b"", "empty/x.txt": b"", "3.jpg": b"", "bird/.x/4.jpg": b""}
    )
    found = opened("folder", root, labels="folder")
    assert found.labels == {"3": None, "cat/deep/2": 1, "dog/1": 2}  # bird 0, cat 1, dog 2, empty 3
    assert "1 image outside first-level folders has no label (first: 3.jpg)" in found.source.notes
    for labels in ("auto", "none"):
        assert set(opened("folder", root, labels=labels).labels.values()) == {None}


def test_links(opened: Any, write: Write, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "far.jpg").write_bytes(b"far")
    root = write({"a/1.jpg": b"one"})
    (root / "far.jpg").symlink_to(outside / "far.jpg")
    (root / "near.jpg").symlink_to("a/1.jpg")
    (root / "loop").symlink_to(root)
    (root / "a" / "up").symlink_to("..")
    (root / "out").symlink_to(outside)
    (root / "broken.jpg").symlink_to("absent")
    (root / "self.jpg").symlink_to("self.jpg")
    os.mkfifo(root / "pipe.jpg")
    found = opened("folder", root)
    assert found.bytes() == {"a/1": b"one", "far": b"far", "near": b"one", "out/far": b"far"}
    assert any(note.startswith("2 links to folders that hold the link were") for note in found.source.notes)
    assert any(note.startswith("3 broken links, special files") for note in found.source.notes)


def test_a_folder_of_links_to_class_folders_is_the_folder_of_these_classes(
    opened: Any, write: Write, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copied = write({"cat/1.jpg": b"1", "cat/deep/2.jpg": b"2", "dog/3.jpg": b"3"})
    linked = tmp_path_factory.mktemp("linked")
    for name in ("dog", "cat"):
        (linked / name).symlink_to(copied / name)
    (linked / "bird").symlink_to("..")  # no class: its photos are not read
    theirs, ours = (opened("folder", root, labels="folder") for root in (copied, linked))
    assert theirs.labels == ours.labels == {"cat/1": 0, "cat/deep/2": 0, "dog/3": 1}
    assert theirs.bytes() == ours.bytes()


def test_names_that_are_not_utf8(opened: Any, write: Write) -> None:
    root = write({"good.jpg": b"1"})
    with open(os.fsencode(root) + b"/bad\xff.jpg", "wb") as file:  # noqa: PTH123 - pathlib has no byte paths
        file.write(b"2")
    found = opened("folder", root)
    assert found.names == ["good"]
    assert found.source.notes[0].startswith("1 broken link, special file or name that is not UTF-8")
    "".join(found.source.notes).encode()


def test_a_folder_that_cannot_be_listed(opened: Any, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root, real = write({"a/1.jpg": b"1"}), os.scandir

    def denied(path: Any) -> Any:
        if str(path).endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(SourceFault, match="cannot list a folder"):
        opened("folder", root)


def test_a_file_is_no_folder(opened: Any, write: Write) -> None:
    with pytest.raises(UsageError, match="needs a folder"):
        opened("folder", write({"a.jpg": b""}) / "a.jpg")


def test_odd_files_are_listed_for_the_decoder_to_judge(opened: Any, shared_data: Path) -> None:
    place = shared_data / "pillow_odd"
    found = opened("folder", place)
    extensions = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".jfif", ".avif"}
    expected = {p for p in place.rglob("*") if p.suffix.lower() in extensions and not p.name.startswith(".")}
    assert {place / item.path for item in found.items} == expected
    assert all(found.bytes()[item.name] == (place / item.path).read_bytes() for item in found.items[:20])
