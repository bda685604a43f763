"""ImageNet-9 and cue conflicts in their layouts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from robust_kit import write_in9, write_picture

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.robust.classes import SHAPES, HeadClasses, imagenet_wnids
from maskgen.trainers.evaluations.robust.judges import ByGroup, ShapeOrTexture
from maskgen.trainers.evaluations.robust.sets.parts import Request
from maskgen.trainers.evaluations.robust.sets.scenes import VARIANTS, open_cues, open_in9

CLASSES = HeadClasses(dict(enumerate(imagenet_wnids())), 1000)


def in9_judge(folder: Path, classes: HeadClasses) -> ByGroup:
    judge = open_in9(Request(folder=folder, classes=classes, partial=True))["original"].judge
    assert isinstance(judge, ByGroup)
    return judge


def test_imagenets_classes_are_mapped_to_the_nine(tmp_path: Path) -> None:
    folder = write_in9(tmp_path / "in9")
    judge = in9_judge(folder, CLASSES)
    assert judge.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert (judge.groups[[151, 10, 436, 33, 500]]).tolist() == [0, 1, 2, 3, -1]
    turned = in9_judge(folder, HeadClasses(dict(enumerate(reversed(imagenet_wnids()))), 1000))
    assert (turned.groups == judge.groups[::-1]).all()


def test_the_authors_map_counts_where_it_lies_with_the_set(tmp_path: Path) -> None:
    folder = write_in9(tmp_path / "in9")
    table = {str(number): 8 if number == 500 else -1 for number in range(1000)}
    (tmp_path / "in_to_in9.json").write_text(json.dumps(table))
    judge = in9_judge(folder, CLASSES)
    assert (judge.groups >= 0).sum() == 1
    assert judge.groups[500] == 8
    (tmp_path / "in_to_in9.json").write_text("{}")
    with pytest.raises(UsageError, match="cannot read the map"):
        in9_judge(folder, CLASSES)


def test_a_head_of_nine_and_a_head_of_the_folders_names_need_no_map(tmp_path: Path) -> None:
    folder = write_in9(tmp_path / "in9")
    assert in9_judge(folder, HeadClasses({}, 9)).groups.tolist() == list(range(9))
    own = write_in9(tmp_path / "own", names=("cat", "dog"))
    judge = in9_judge(own, HeadClasses({0: "dog", 1: "ox", 2: "cat"}, 3))
    assert judge.groups.tolist() == [1, -1, 0]
    with pytest.raises(UsageError, match="neither ImageNet-9's nor classes of the head, for example cat"):
        in9_judge(own, CLASSES)


def test_a_missing_variant_is_named(tmp_path: Path) -> None:
    folder = write_in9(tmp_path / "in9", each=1)
    assert list(open_in9(Request(folder=folder, classes=CLASSES, partial=True))) == list(VARIANTS)
    with pytest.raises(UsageError, match="in9's original is not the whole set: 3 pictures in 3 folders"):
        open_in9(Request(folder=folder, classes=CLASSES))
    shutil.rmtree(folder / "mixed_next")
    with pytest.raises(UsageError, match="7 of 8 variants") as refusal:
        open_in9(Request(folder=folder, classes=CLASSES))
    assert "there is no mixed_next/val" in str(refusal.value)


def test_cues_are_read_from_names(tmp_path: Path) -> None:
    for number, name in enumerate(("cat7-elephant3", "0001_cue_dnn_0_cat_10_cat1-cat2", "cat2-truck1")):
        write_picture(tmp_path / "cat" / f"{name}.png", number)
    judge = open_cues(Request(folder=tmp_path, classes=CLASSES, partial=True))[""].judge
    assert isinstance(judge, ShapeOrTexture)
    found = [(SHAPES[a], SHAPES[b]) for a, b in zip(judge.shapes, judge.textures, strict=True)]
    assert sorted(found) == [("cat", "cat"), ("cat", "elephant"), ("cat", "truck")]
    assert SHAPES[judge.groups[281]] == "cat"
    with pytest.raises(UsageError, match="lacks 999"):
        open_cues(Request(folder=tmp_path, classes=HeadClasses({0: imagenet_wnids()[0]}, 1), partial=True))
    with pytest.raises(UsageError, match="1,280 pictures"):
        open_cues(Request(folder=tmp_path, classes=CLASSES))
    write_picture(tmp_path / "cat" / "cat3-spoon1.png", 4)
    with pytest.raises(UsageError, match=r"shape and its texture: .*cat3-spoon1\.png"):
        open_cues(Request(folder=tmp_path, classes=CLASSES, partial=True))
