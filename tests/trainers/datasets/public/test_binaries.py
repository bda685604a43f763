"""CIFAR and STL-10 against torchvision, which reads the pickled version; damage is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torchvision.datasets as theirs
from public_sets_kit import write_cifar, write_stl

from maskgen.errors import SourceFault
from maskgen.trainers.datasets.public.place import Place


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision compares the real sets' sums."""
    for owner in (theirs.CIFAR10, theirs.STL10):
        monkeypatch.setattr(owner, "_check_integrity", lambda _: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)


def assert_same(place: Place, other: Any, labels: Any) -> None:
    found = place.open()
    assert found.labels.tolist() == [int(one) for one in labels]
    assert len(found.labels) == len(other)
    for number in (0, len(other) // 2, len(other) - 1):
        assert np.array_equal(found.read(number), np.asarray(other[number][0]))


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("coarse", [False, True])
def test_cifar_is_torchvisions(coarse: bool, tmp_path: Path) -> None:
    root = write_cifar(tmp_path, coarse=coarse)
    owner = theirs.CIFAR100 if coarse else theirs.CIFAR10
    for split in ("train", "test"):
        other = owner(root, train=split == "train")
        assert_same(Place("cifar100" if coarse else "cifar10", root, split), other, other.targets)
    assert Place("cifar100" if coarse else "cifar10", root).open().names == dict(enumerate(other.classes))


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("split", ["train", "test", "unlabeled", "train+unlabeled"])
def test_stl10_is_torchvisions(split: str, tmp_path: Path) -> None:
    root = write_stl(tmp_path)
    other = theirs.STL10(root, split)
    assert other.labels is not None
    assert_same(Place("stl10", root, split), other, other.labels)


def test_the_pickled_version_is_refused_by_name(tmp_path: Path) -> None:
    for kind, coarse in (("cifar10", False), ("cifar100", True)):
        root = write_cifar(tmp_path / kind, coarse=coarse)
        python = root / ("cifar-100-python" if coarse else "cifar-10-batches-py")
        with pytest.raises(SourceFault, match=r"no binary version(.|\n)*pickles(.|\n)*binary\.tar\.gz"):
            Place(kind, python, "train").open()


def test_half_a_file_and_foreign_classes_are_named(tmp_path: Path) -> None:
    home = write_cifar(tmp_path, coarse=False) / "cifar-10-batches-bin"
    batch = home / "data_batch_3.bin"
    whole = batch.read_bytes()
    batch.write_bytes(whole[:-1])
    with pytest.raises(SourceFault, match=r"no whole records of 3073: .*data_batch_3\.bin"):
        Place("cifar10", tmp_path, "train").open()
    batch.write_bytes(b"\x0a" + whole[1:])
    with pytest.raises(SourceFault, match="a class beyond its 10"):
        Place("cifar10", tmp_path, "train").open()
    batch.unlink()
    with pytest.raises(SourceFault, match=r"a file of CIFAR-10 is missing: .*data_batch_3\.bin"):
        Place("cifar10", tmp_path, "train").open()
    stl = write_stl(tmp_path) / "stl10_binary"
    (stl / "test_y.bin").write_bytes(b"\x01\x02")
    with pytest.raises(SourceFault, match="2 classes for 20 pictures of STL-10"):
        Place("stl10", tmp_path, "test").open()


def test_the_fingerprint_is_of_pixels_and_classes(tmp_path: Path) -> None:
    place = Place("cifar10", write_cifar(tmp_path, coarse=False), "test")
    before = place.open().fingerprint
    file = tmp_path / "cifar-10-batches-bin" / "test_batch.bin"
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(bytes(data))
    assert place.open().fingerprint != before
