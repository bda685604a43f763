"""Caltech-101's drawn split: its sizes, that its parts share nothing, that some of the classes keep it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torchvision.datasets as theirs
from public_sets_kit import write_caltech

from maskgen.errors import SourceFault
from maskgen.trainers.datasets.public.folder import Pictures
from maskgen.trainers.datasets.public.place import Place


def seen(found: Pictures) -> dict[bytes, str]:
    return {found.read(n).tobytes(): found.names[label] for n, label in enumerate(found.labels.tolist())}


def test_thirty_a_class_learn_and_all_others_test(tmp_path: Path) -> None:
    root = write_caltech(tmp_path)
    train, val, both, test = (
        Place("caltech101", root, split).open() for split in ("train", "val", "trainval", "test")
    )
    assert [len(part.labels) for part in (train, val, both, test)] == [75, 15, 90, 108 - 90]
    assert seen(train).keys() | seen(val).keys() == seen(both).keys()
    assert not seen(both).keys() & seen(test).keys()
    assert not seen(train).keys() & seen(val).keys()
    theirs_classes = theirs.Caltech101(root).categories
    assert sorted(set(both.names.values()) - {"BACKGROUND_Google"}) == theirs_classes


def test_a_split_repeats_and_another_number_is_another(tmp_path: Path) -> None:
    root = write_caltech(tmp_path)
    first = Place("caltech101", root, "train").open()
    assert first.fingerprint == Place("caltech101", root, "train", 1).open().fingerprint
    assert first.fingerprint != Place("caltech101", root, "train", 2).open().fingerprint
    faces = {data for data, name in seen(first).items() if name == "Faces"}
    shutil.rmtree(root / "caltech101" / "101_ObjectCategories" / "accordion")
    assert faces == {
        data for data, name in seen(Place("caltech101", root, "train").open()).items() if name == "Faces"
    }


def test_half_a_class_is_named(tmp_path: Path) -> None:
    root = write_caltech(tmp_path)
    for number in range(1, 11):
        (root / f"caltech101/101_ObjectCategories/Faces/image_{number:04d}.jpg").unlink()
    with pytest.raises(SourceFault, match="Faces of Caltech-101 has 30 photos, too few"):
        Place("caltech101", root).open()
    shutil.rmtree(root / "caltech101" / "101_ObjectCategories")
    (root / "caltech101" / "101_ObjectCategories").mkdir()
    with pytest.raises(SourceFault, match="no classes of Caltech-101"):
        Place("caltech101", root).open()
