"""What is right is part of what a result depends on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from robust_kit import write_classes

from maskgen.trainers.evaluations.robust.classes import HeadClasses
from maskgen.trainers.evaluations.robust.judges import ByClass
from maskgen.trainers.evaluations.robust.sets.parts import Part, outputs_of
from maskgen.trainers.evaluations.robust.sets.pictures import Pictures


def test_a_part_is_marked_by_pictures_and_labels(tmp_path: Path) -> None:
    images = Pictures.below(write_classes(tmp_path / "set")).images()
    marks = {Part(images, ByClass(np.full(8, label))).mark for label in (0, 1, 1)}
    assert len(marks) == 2


def test_outputs_go_by_the_heads_names() -> None:
    classes = HeadClasses({0: "b", 1: "a"}, 2)
    assert outputs_of(["a", "b", "a"], classes, Path("set")).tolist() == [1, 0, 1]
