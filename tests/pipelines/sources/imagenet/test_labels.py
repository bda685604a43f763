"""The files of validation labels that people have, and those whose labels would be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import SourceFault
from maskgen.pipelines.sources.imagenet.labels import PhotoClasses, find_classes

NAMES = ["val_1", "val_2", "val_3"]
WNIDS = ["n01440764", "n02119789", "n01440764"]
PAIRS = list(zip(NAMES, WNIDS, strict=True))


def found(folder: Path, name: str, text: str) -> PhotoClasses | None:
    place = folder / "val"
    place.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return find_classes(place, folder, NAMES)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("val_labels.txt", "".join(f"{name} {wnid}\n" for name, wnid in PAIRS)),
        ("val_labels.txt", "".join(f"{name}.JPEG {wnid}\n" for name, wnid in reversed(PAIRS))),
        ("val/val_annotations.txt", "".join(f"{name}.JPEG\t{wnid}\t0\t0\t62\t62\n" for name, wnid in PAIRS)),
        (
            "LOC_val_solution.csv",
            "ImageId,PredictionString\n" + "".join(f"{name},{wnid} 1 2 3 4\n" for name, wnid in PAIRS),
        ),
        ("imagenet_2012_validation_synset_labels.txt", "\n".join(WNIDS) + "\n"),
    ],
)
def test_every_kind_of_file_gives_the_same_classes(tmp_path: Path, name: str, text: str) -> None:
    classes = found(tmp_path, name, text)
    assert classes == PhotoClasses(WNIDS, set(WNIDS), [], Path(name).name)


def test_classes_of_photos_that_are_not_here_are_told(tmp_path: Path) -> None:
    classes = found(tmp_path, "val_labels.txt", "".join(f"{n} {w}\n" for n, w in PAIRS) + "val_9 n09999999\n")
    assert classes is not None
    assert classes.unused == ["val_9"]
    assert classes.all_wnids == {*WNIDS, "n09999999"}


def test_without_a_file_there_are_no_classes(tmp_path: Path) -> None:
    assert found(tmp_path, "notes.txt", "n01440764") is None


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("val_labels.txt", "val_1 n01440764\n", "2 photos have no class"),
        ("val_labels.txt", "val_1 n01440764\nval_1 n02119789\n", "two classes for the photo 'val_1'"),
        ("val_labels.txt", "val_1 dog\n", "a line without a wnid: 'val_1 dog'"),
        ("imagenet_2012_validation_synset_labels.txt", "n01440764\n", "1 labels .* for 3 photos"),
        ("ILSVRC2012_validation_ground_truth.txt", "490\n361\n171\n", "integer labels cannot be told apart"),
    ],
)
def test_labels_that_would_be_wrong_are_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(SourceFault, match=words):
        found(tmp_path, name, text)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "val_labels.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(SourceFault, match="cannot read the labels"):
        find_classes(tmp_path, tmp_path, NAMES)
