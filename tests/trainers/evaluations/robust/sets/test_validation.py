"""ImageNet's validation photos in the layouts that there are, and ReaL's labels for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from robust_kit import WNIDS, write_classes, write_picture, write_validation

from maskgen.errors import SourceFault, UsageError
from maskgen.trainers.evaluations.robust.classes import HeadClasses, imagenet_wnids
from maskgen.trainers.evaluations.robust.judges import ByClass, ByLists
from maskgen.trainers.evaluations.robust.sets.parts import Request
from maskgen.trainers.evaluations.robust.sets.validation import _read_real, open_real, open_val

CLASSES = HeadClasses(dict(enumerate(imagenet_wnids())), 1000)
TURNED = HeadClasses(dict(enumerate(reversed(imagenet_wnids()))), 1000)


def labels(folder: Path, **values: object) -> list[int]:
    request = Request(**{"folder": folder, "classes": CLASSES, "partial": True, **values})  # type: ignore[arg-type]
    judge = open_val(request)[""].judge
    assert isinstance(judge, ByClass)
    return judge.labels.tolist()


def test_folders_a_flat_folder_and_names_give_the_same_labels(tmp_path: Path) -> None:
    write_classes(tmp_path / "folders" / "val", each=1)
    write_classes(tmp_path / "devkit" / "ILSVRC" / "Data" / "CLS-LOC" / "val", each=1)
    for number, wnid in enumerate(WNIDS):
        write_picture(tmp_path / "named" / f"{wnid}_some_name.JPEG", number)
    for layout in ("folders", "devkit", "named"):
        assert labels(tmp_path / layout) == [2, 10, 153, 404]
    write_validation(tmp_path / "flat", 4)
    assert labels(tmp_path / "flat") == [10, 153, 404, 2]
    assert labels(tmp_path / "flat", classes=TURNED) == [999 - n for n in (10, 153, 404, 2)]


def test_photos_without_labels_are_refused(tmp_path: Path) -> None:
    folder = write_validation(tmp_path / "flat", 3)
    write_picture(folder / "val" / "other.JPEG", 9)
    with pytest.raises(SourceFault, match="1 of 4 pictures are neither in a folder of their class nor named"):
        labels(folder)
    (folder / "val" / "other.JPEG").unlink()
    write_picture(folder / "val" / "ILSVRC2012_val_00000009.JPEG", 9)
    with pytest.raises(SourceFault, match="1 of 4 photos have no class"):
        labels(folder)
    (folder / "LOC_val_solution.csv").unlink()
    with pytest.raises(SourceFault, match="nothing says the classes"):
        labels(folder)


def test_a_part_of_the_photos_is_refused_unless_it_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="val is not the whole set: 3 pictures") as refusal:
        labels(write_validation(tmp_path / "flat", 3), partial=False)
    assert "50,000 validation photos" in str(refusal.value)


def test_reals_lists_go_by_the_number_in_the_name(tmp_path: Path) -> None:
    folder = write_validation(tmp_path / "flat", 4)
    (folder / "val" / "ILSVRC2012_val_00000002.JPEG").unlink()
    (folder / "real.json").write_text(json.dumps([[1], [2], [], [4, 400]]))
    part = open_real(Request(folder=folder, classes=CLASSES, partial=True))[""]
    assert isinstance(part.judge, ByLists)
    assert part.judge.lists == [[1], [], [4, 400]]
    turned = open_real(Request(folder=folder, classes=TURNED, partial=True))[""]
    assert isinstance(turned.judge, ByLists)
    assert turned.judge.lists == [[998], [], [995, 599]]
    same = open_val(Request(folder=folder, classes=CLASSES, partial=True))[""]
    assert same.images.fingerprint == part.images.fingerprint  # so features are shared


def test_wrong_labels_of_real_are_refused(tmp_path: Path) -> None:
    folder = write_validation(tmp_path / "flat", 2)
    request = Request(folder=folder, classes=CLASSES, partial=True)
    with pytest.raises(UsageError, match="cannot read ReaL's labels"):
        open_real(request)
    for text in ('{"a": 1}', "[[1000]]", "[1]"):
        (folder / "real.json").write_text(text)
        with pytest.raises(UsageError, match="list of lists of numbers from 0 to 999"):
            open_real(request)
    (folder / "real.json").write_text("[[1]]")
    with pytest.raises(UsageError, match="go by the numbers"):
        open_real(request)


def test_the_published_lists_are_read(shared_data: Path) -> None:
    """50,000 lists, 3,163 of them empty (Beyer et al.)."""
    lists = _read_real(shared_data / "eval" / "lists" / "real.json", CLASSES)
    assert (len(lists), sum(not one for one in lists)) == (50_000, 3_163)
