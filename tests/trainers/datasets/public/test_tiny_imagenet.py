"""Tiny ImageNet's two splits as one numbering, real photos, and files that are not as the set ships them."""

from __future__ import annotations

from pathlib import Path

import pytest
from public_sets_kit import write_tiny_imagenet

from maskgen.errors import SourceFault
from maskgen.trainers.datasets.public.place import Place


def test_both_splits_number_the_classes_in_the_order_of_their_wnids(tmp_path: Path) -> None:
    root = write_tiny_imagenet(tmp_path)
    train, val = (Place("tiny-imagenet", root, split).open() for split in ("train", "val"))
    assert train.names == val.names == {0: "n01000001", 1: "n02000001", 2: "n03000001"}
    assert [train.names[label] for label in train.labels.tolist()] == [p.split("/")[0] for p in train.paths]
    assert val.labels.tolist() == [1, 0, 2, 1, 0, 2], "as its lines say"
    assert list(val.paths) == [f"val_{number}.JPEG" for number in range(6)]


def test_without_the_list_of_classes_they_are_those_of_the_split(tmp_path: Path) -> None:
    root = write_tiny_imagenet(tmp_path)
    whole = Place("tiny-imagenet", root, "val").open()
    (root / "tiny-imagenet-200" / "wnids.txt").unlink()
    assert Place("tiny-imagenet", root, "val").open().fingerprint == whole.fingerprint


def test_real_photos(shared_data: Path, tmp_path: Path) -> None:
    """A cut of the set, whose annotations are all there."""
    place = shared_data / "tiny_imagenet_50"
    train = Place("tiny-imagenet", place, "train").open()
    assert (len(train.labels), len(train.names)) == (len(list(place.glob("train/*/images/*"))), 10)
    assert train.read(0).shape == (64, 64, 3)
    with pytest.raises(SourceFault, match=r"2000 of 2500 pictures of Tiny ImageNet are missing"):
        Place("tiny-imagenet", place, "val").open()
    lines = (place / "val" / "val_annotations.txt").read_text().splitlines()
    there = [line for line in lines if (place / "val" / "images" / line.split()[0]).exists()]
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "val_annotations.txt").write_text("\n".join(there))
    (tmp_path / "val" / "images").symlink_to(place / "val" / "images")
    val = Place("tiny-imagenet", tmp_path, "val").open()
    assert val.read(3).shape == (64, 64, 3)
    assert [val.names[label] for label in val.labels.tolist()] == [line.split()[1] for line in there]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("val/val_annotations.txt", "val_0.JPEG n02000001\n", "a line that is none of Tiny ImageNet"),
        ("wnids.txt", "n01000001\nn02000001\n", "a class that wnids.txt lacks, 'n03000001'"),
    ],
)
def test_foreign_files_are_refused(file: str, text: str, message: str, tmp_path: Path) -> None:
    root = write_tiny_imagenet(tmp_path)
    (root / "tiny-imagenet-200" / file).write_text(text)
    with pytest.raises(SourceFault, match=message):
        Place("tiny-imagenet", root, "val").open()


def test_no_training_photos(tmp_path: Path) -> None:
    root = write_tiny_imagenet(tmp_path)
    for folder in (root / "tiny-imagenet-200" / "train").iterdir():
        for photo in (folder / "images").iterdir():
            photo.unlink()
    with pytest.raises(SourceFault, match="no training photos of Tiny ImageNet"):
        Place("tiny-imagenet", root, "train").open()
