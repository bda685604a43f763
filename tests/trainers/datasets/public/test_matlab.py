"""Flowers-102 and Cars against torchvision; both layouts of Cars are the same photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets as theirs
from public_sets_kit import write_cars, write_cars_together, write_flowers
from scipy.io import savemat

from maskgen.errors import SourceFault
from maskgen.trainers.datasets.public.place import Place


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_flowers_are_torchvisions(split: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theirs.Flowers102, "_check_integrity", lambda _: True)
    root = write_flowers(tmp_path)
    data = theirs.Flowers102(root, split)
    found = Place("flowers102", root, split).open()
    assert found.labels.tolist() == data._labels
    for number in range(len(data)):
        assert np.array_equal(found.read(number), np.asarray(data[number][0]))


def test_flowers_to_learn_and_to_choose_go_together(tmp_path: Path) -> None:
    root = write_flowers(tmp_path)
    parts = [Place("flowers102", root, split).open() for split in ("train", "val", "trainval")]
    assert parts[2].labels.tolist() == parts[0].labels.tolist() + parts[1].labels.tolist()


@pytest.mark.parametrize("split", ["train", "test"])
def test_cars_are_torchvisions_in_both_layouts(split: str, tmp_path: Path) -> None:
    root = write_cars(tmp_path / "devkit")
    data = theirs.StanfordCars(root, split)
    found = Place("cars", root, split).open()
    together = Place("cars", write_cars_together(tmp_path / "one"), split).open()
    assert found.labels.tolist() == [label for _, label in data._samples] == together.labels.tolist()
    assert list(found.names.values()) == data.classes == list(together.names.values())
    for number in range(len(data)):
        assert np.array_equal(found.read(number), np.asarray(data[number][0]))
        assert np.array_equal(found.read(number), together.read(number))


def test_test_annotations_without_labels_are_named(tmp_path: Path) -> None:
    root = write_cars(tmp_path)
    rows = np.empty((1, 1), [("bbox_x1", object), ("fname", object)])
    rows[0, 0] = (1, "00001.jpg")
    savemat(root / "stanford_cars/cars_test_annos_withlabels.mat", {"annotations": rows})
    with pytest.raises(SourceFault, match=r"no annotations with class(.|\n)*without labels"):
        Place("cars", root, "test").open()


def test_torn_and_foreign_matlab_files_are_named(tmp_path: Path) -> None:
    root = write_flowers(tmp_path)
    home = root / "flowers-102"
    savemat(home / "setid.mat", {"trnid": np.array([[99]])})
    with pytest.raises(SourceFault, match="other photos than the 18"):
        Place("flowers102", root, "train").open()
    with pytest.raises(SourceFault, match="lacks tstid"):
        Place("flowers102", root, "test").open()
    (home / "imagelabels.mat").write_bytes(b"MATLAB 5.0 and nothing else")
    with pytest.raises(SourceFault, match=r"cannot read a MATLAB file of Flowers-102: .*imagelabels\.mat"):
        Place("flowers102", root, "train").open()
