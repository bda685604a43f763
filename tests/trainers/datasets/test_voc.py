"""PASCAL VOC: by its lists and by its XML files alike; odd and hostile files are refused with a sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from voc_kit import write_voc

from maskgen.errors import SourceFault, UsageError
from maskgen.trainers.datasets.voc import open_voc, read_objects

SPLITS = {"trainval": 12, "test": 9}
BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;&b;">]><annotation>&c;</annotation>'


def test_lists_and_xml_files_say_the_same(tmp_path: Path) -> None:
    voc = write_voc(tmp_path, SPLITS)
    listed = open_voc(tmp_path, "trainval")
    for file in (voc / "ImageSets" / "Main").glob("b*_*.txt"):
        file.unlink()
    found = open_voc(voc, "trainval")
    assert found.classes == listed.classes == ("ball", "box")
    assert np.array_equal(found.targets, listed.targets)
    assert set(np.unique(found.targets)) == {1, 0, -1}
    assert found.images.fingerprint == listed.images.fingerprint
    assert listed.images.read(0).shape == (48, 48, 3)
    assert open_voc(voc, "test", ("box", "ball")).targets.shape == (9, 2)


def test_a_class_is_difficult_only_if_all_its_objects_are(tmp_path: Path) -> None:
    voc = write_voc(tmp_path, {"test": 3}, lists=False)
    one = "<object><name>ball</name><difficult>{}</difficult></object>"
    for number, marks in enumerate(("11", "10", "")):
        text = "".join(one.format(mark) for mark in marks)
        (voc / "Annotations" / f"{number + 1:06d}.xml").write_text(f"<annotation>{text}</annotation>")
    assert open_voc(voc, "test", ("ball", "box")).targets.tolist() == [[0, -1], [1, -1], [-1, -1]]


def test_photos_of_another_project_are_read_by_their_xml_files(shared_data: Path, tmp_path: Path) -> None:
    """Forty real photos: VOC's format, one class, no lists."""
    source = shared_data / "eval" / "kangaroo_voc"
    shutil.copytree(source / "annots", tmp_path / "VOC2007" / "Annotations")
    shutil.copytree(source / "images", tmp_path / "VOC2007" / "JPEGImages")
    names = sorted(path.stem for path in (source / "images").glob("*.jpg"))
    main = tmp_path / "VOC2007" / "ImageSets" / "Main"
    main.mkdir(parents=True)
    (main / "test.txt").write_text("\n".join(names))
    found = open_voc(tmp_path, "test")
    assert found.classes == ("kangaroo",)
    assert found.targets.tolist() == [[1]] * 40
    assert found.images.read(5).ndim == 3
    assert sum(len(read_objects(source / "annots" / f"{name}.xml")) for name in names) == 66


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (BOMB, "it declares a document type"),
        ("<annotation><object><name>ball</name>", "no element found"),
        ("<annotation><object></object></annotation>", "an object has no name"),
        ("<a>" * 40 + "</a>" * 40, "nested over 16 deep"),
        ("no XML", "syntax error"),
        ("<annotation>" + " " * (1 << 20) + "</annotation>", "over 1 MB"),
    ],
)
def test_an_odd_xml_file_is_refused(text: str, cause: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(SourceFault, match=cause) as caught:
        read_objects(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("ball_test.txt", "000001  2\n", "no photo and 1, 0 or -1: .*ball_test"),
        ("ball_test.txt", "000001  1\n", "name different photos"),
        ("ball_test.txt", "../../secret 1\n", "names a photo that can be none"),
        ("ball_test.txt", "", "name different photos"),
    ],
)
def test_an_odd_list_is_refused(name: str, text: str, what: str, tmp_path: Path) -> None:
    main = write_voc(tmp_path, {"test": 3}) / "ImageSets" / "Main"
    (main / name).write_text(text)
    with pytest.raises(SourceFault, match=what):
        open_voc(tmp_path, "test")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no PASCAL VOC"):
        open_voc(tmp_path, "test")
    voc = write_voc(tmp_path, {"test": 3})
    with pytest.raises(UsageError, match="there is no split val"):
        open_voc(voc, "val")
    with pytest.raises(UsageError, match="no list of the class cat"):
        open_voc(voc, "test", ("cat",))
    with pytest.raises(UsageError, match="has classes that the training photos lack: box: "):
        open_voc(voc, "test", ("ball",))
    (voc / "JPEGImages" / "000002.jpg").unlink()
    with pytest.raises(SourceFault, match=r"1 of 3 photos of the split are missing: .*000002\.jpg"):
        open_voc(voc, "test")
    (voc / "JPEGImages" / "000002.jpg").write_bytes(b"no photo")
    with pytest.raises(SourceFault, match="a photo does not decode"):
        open_voc(voc, "test").images.read(1)
