"""ImageNet's validation photos by every file that says their classes; the devkit as torchvision reads it."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
import torch
import torchvision.datasets.imagenet as theirs
from public_sets_kit import WNIDS, lines, write_imagenet_val

from maskgen.errors import SourceFault
from maskgen.trainers.datasets.images import open_images
from maskgen.trainers.datasets.public.place import Place

TRUTH = [WNIDS[number % 3] for number in range(6)]


def wnids(root: Path) -> list[str]:
    found = Place("imagenet-val", root).open()
    return [found.names[label] for label in found.labels.tolist()]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_imagenet_val(tmp_path / "imagenet")


def test_the_devkit_says_what_torchvision_reads_in_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theirs, "check_integrity", lambda *_: True)
    with tarfile.open(root / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as archive:
        archive.add(root / "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12")
    theirs.parse_devkit_archive(root)
    _, expected = torch.load(root / theirs.META_FILE, weights_only=True)
    assert wnids(root) == expected == TRUTH
    assert wnids(root / "val") == TRUTH
    assert Place("imagenet-val", root).open().names == dict(enumerate(sorted(WNIDS)))


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("val_labels.txt", [f"ILSVRC2012_val_{n:08d} {TRUTH[n - 1]}" for n in range(1, 7)]),
        (
            "LOC_val_solution.csv",
            ["ImageId,PredictionString"]
            + [f"ILSVRC2012_val_{n:08d},{TRUTH[n - 1]} 1 2 3 4" for n in range(6, 0, -1)],
        ),
        ("imagenet_2012_validation_synset_labels.txt", TRUTH),
    ],
)
def test_other_files_say_the_same(name: str, rows: list[str], root: Path) -> None:
    shutil.rmtree(root / "ILSVRC2012_devkit_t12")
    lines(root / name, rows)
    assert wnids(root) == TRUTH
    (root / name).rename(root / "val" / name)
    assert wnids(root / "val") == TRUTH


def test_a_part_of_the_photos_keeps_its_classes(root: Path) -> None:
    (root / "val" / "ILSVRC2012_val_00000002.JPEG").unlink()
    assert wnids(root) == [TRUTH[0], *TRUTH[2:]]


def test_folders_by_wnid(root: Path, tmp_path: Path) -> None:
    for number, wnid in enumerate(TRUTH, 1):
        name = f"ILSVRC2012_val_{number:08d}.JPEG"
        (tmp_path / "sorted" / "val" / wnid).mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "val" / name, tmp_path / "sorted" / "val" / wnid / name)
    assert sorted(wnids(tmp_path / "sorted")) == sorted(TRUTH) == wnids(tmp_path / "sorted" / "val")
    assert open_images(f"imagenet-val:{tmp_path}/sorted").classes == 3


def test_kaggles_folders_with_the_table_beside_them(root: Path) -> None:
    shutil.rmtree(root / "ILSVRC2012_devkit_t12")
    home = root / "ILSVRC" / "Data" / "CLS-LOC" / "val"
    home.parent.mkdir(parents=True)
    (root / "val").rename(home)
    rows = [f"ILSVRC2012_val_{n:08d},{TRUTH[n - 1]} 1 2 3 4" for n in range(1, 7)]
    lines(root / "LOC_val_solution.csv", ["ImageId,PredictionString", *rows])
    for given in (root, root / "ILSVRC", home):
        assert wnids(given) == TRUTH


def test_names_that_begin_with_their_wnid(root: Path, tmp_path: Path) -> None:
    (tmp_path / "named").mkdir()
    for number, wnid in enumerate(TRUTH, 1):
        name = f"ILSVRC2012_val_{number:08d}.JPEG"
        shutil.copy(root / "val" / name, tmp_path / "named" / f"{wnid}_{name}")
    assert wnids(tmp_path / "named") == sorted(TRUTH)


def test_what_cannot_be_told_is_said(root: Path, tmp_path: Path) -> None:
    data = root / "ILSVRC2012_devkit_t12" / "data"
    meta = (data / "meta.mat").read_bytes()
    (data / "meta.mat").unlink()
    with pytest.raises(SourceFault, match=r"numbers alone tell no classes(.|\n)*meta\.mat says which wnid"):
        wnids(root)
    (data / "meta.mat").write_bytes(meta)
    lines(data / "ILSVRC2012_validation_ground_truth.txt", ["1", "2", "3"])
    with pytest.raises(SourceFault, match="3 classes for photos up to 6"):
        wnids(root)
    lines(data / "ILSVRC2012_validation_ground_truth.txt", ["1", "2", "7", "1", "1", "1"])
    with pytest.raises(SourceFault, match="'7' is no number of a class"):
        wnids(root)
    shutil.rmtree(root / "ILSVRC2012_devkit_t12")
    with pytest.raises(SourceFault, match=r"nothing says the classes(.|\n)*LOC_val_solution\.csv"):
        wnids(root)
    lines(root / "val_labels.txt", [f"ILSVRC2012_val_00000001 {TRUTH[0]}"])
    with pytest.raises(SourceFault, match="5 of 6 photos have no class"):
        wnids(root)
    lines(root / "val_labels.txt", ["ILSVRC2012_val_00000001 490"])
    with pytest.raises(SourceFault, match="a line without a name and a wnid"):
        wnids(root)
    shutil.copytree(root / "val", tmp_path / "photos" / "train" / "n01440764")
    with pytest.raises(SourceFault, match="6 of 6 pictures are neither in a folder of their class nor named"):
        wnids(tmp_path / "photos")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceFault, match="no validation photos"):
        wnids(tmp_path / "empty")
