"""ObjectNet as it is unpacked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from robust_kit import write_objectnet

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
