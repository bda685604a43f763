"""ObjectNet as it is unpacked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from robust_kit import write_objectnet

import maskgen.trainers.evaluations.robust.sets.objectnet as objectnet
from maskgen.errors import UsageError
from maskgen.trainers.datasets.images import images_of_folder
from maskgen.trainers.evaluations.robust.classes import HeadClasses, imagenet_wnids
from maskgen.trainers.evaluations.robust.judges import ByGroup
from maskgen.trainers.evaluations.robust.sets.objectnet import open_objectnet
from maskgen.trainers.evaluations.robust.sets.parts import Request

CLASSES = HeadClasses(dict(enumerate(imagenet_wnids())), 1000)


def test_kinds_that_imagenet_has_count_and_the_frame_is_cut(tmp_path: Path) -> None:
    write_objectnet(tmp_path / "objectnet-1.0")
    part = open_objectnet(Request(folder=tmp_path, classes=CLASSES, partial=True))[""]
    assert isinstance(part.judge, ByGroup)
    assert part.judge.labels.tolist() == [0, 0, 1, 1]
    assert part.judge.groups[[409, 530, 954, 0]].tolist() == [0, 0, 1, -1]
    assert (part.judge.groups >= 0).sum() == 3
    framed = images_of_folder(tmp_path / "objectnet-1.0" / "images")
    names = [framed.names[label] for label in framed.labels.tolist()]
    assert (framed.read(0)[0] == (255, 0, 0)).all()
    whole = framed.read(names.index("alarm_clock"))
    assert (part.images.read(0) == whole[2:-2, 2:-2]).all()
    assert np.any(part.images.read(0)[0] != (255, 0, 0))


def test_a_part_and_broken_maps_are_refused(tmp_path: Path) -> None:
    folder = write_objectnet(tmp_path)
    with pytest.raises(UsageError, match="6 pictures in 3 folders"):
        open_objectnet(Request(folder=folder, classes=CLASSES))
    (folder / "mappings" / "imagenet_to_label_2012_v2").write_text("banana\n")
    with pytest.raises(UsageError, match="cannot read ObjectNet's map"):
        open_objectnet(Request(folder=folder, classes=CLASSES, partial=True))
    (folder / "mappings" / "folder_to_objectnet_label.json").unlink()
    with pytest.raises(UsageError, match=r"folder_to_objectnet_label\.json") as refusal:
        open_objectnet(Request(folder=folder, classes=CLASSES, partial=True))
    assert "mappings/ has" in str(refusal.value)


def test_maps_are_read_in_the_form_that_the_set_has(tmp_path: Path) -> None:
    """Names of ImageNet's classes are whole synsets with commas, several with a semicolon and a blank.

    Their places in the list of names count from 0, as other readers of the set have it.
    """
    home = write_objectnet(tmp_path) / "mappings"
    bicycles = (
        "mountain bike, all-terrain bike, off-roader",
        "bicycle-built-for-two, tandem bicycle, tandem",
    )
    lines = (home / "imagenet_to_label_2012_v2").read_text().splitlines()
    (home / "imagenet_to_label_2012_v2").write_text("\n".join([*lines, *bicycles]))
    for name, more in (
        ("objectnet_to_imagenet_1k.json", {"Bicycle": "; ".join(bicycles)}),
        ("folder_to_objectnet_label.json", {"bicycle": "Bicycle"}),
        ("pytorch_to_imagenet_2012_id.json", {"671": len(lines), "444": len(lines) + 1}),
    ):
        known = json.loads((home / name).read_text())
        (home / name).write_text(json.dumps({**known, **more}, indent=4))
    judge = open_objectnet(Request(folder=tmp_path, classes=CLASSES, partial=True))[""].judge
    assert isinstance(judge, ByGroup)
    assert judge.groups[[409, 530, 954, 444, 671]].tolist() == [0, 0, 1, 2, 2]


def test_a_set_that_is_half_there_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Request(folder=tmp_path, classes=CLASSES)
    (tmp_path / "objectnet-1.0.zip").touch()
    with pytest.raises(UsageError, match=r"0 pictures(.|\n)*objectnet-1\.0\.zip is not unpacked"):
        open_objectnet(asked)
    write_objectnet(tmp_path)
    monkeypatch.setattr(objectnet, "LAYOUT", replace(objectnet.LAYOUT, pictures=6, classes=3))
    with pytest.raises(UsageError, match="map has 2 kinds that ImageNet has, of 113"):
        open_objectnet(asked)
    for name in ("pytorch_to_imagenet_2012_id.json", "objectnet_to_imagenet_1k.json"):
        whole = (tmp_path / "mappings" / name).read_text()
        (tmp_path / "mappings" / name).write_text(whole[: len(whole) // 2])
        with pytest.raises(UsageError, match=rf"cannot read ObjectNet's map of classes: .*{name}"):
            open_objectnet(asked)
        (tmp_path / "mappings" / name).write_text(whole)
