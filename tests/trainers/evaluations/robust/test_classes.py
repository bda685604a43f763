"""ImageNet's table against what the papers say of it, and heads of other classes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.robust.classes import (
    IN9,
    SHAPES,
    HeadClasses,
    coarse_classes,
    imagenet_wnids,
)
from maskgen.trainers.heads.head import Head, linear_layer


def a_head(classes: int, names: dict[int, str] | None = None) -> Head:
    return Head(linear_layer(torch.zeros(classes, 4), torch.zeros(classes)), names=names or {})


def test_the_wnids_are_those_of_timm() -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    listed = (Path(timm.__file__).parent / "data/_info/imagenet_synsets.txt").read_text().split()
    assert list(imagenet_wnids()) == listed == sorted(listed)


def test_imagenet_9_has_the_classes_that_its_authors_count() -> None:
    """Xiao et al., table 2, and four that may be vehicles: two of them are not in the authors' own map."""
    counts = Counter(coarse_classes("in9", IN9).tolist())
    counted = {name: counts[number] for number, name in enumerate(IN9)}
    assert counted == {
        "dog": 116,
        "bird": 52,
        "vehicle": 44,
        "reptile": 36,
        "carnivore": 35,
        "insect": 27,
        "instrument": 26,
        "primate": 20,
        "fish": 16,
    }
    groups = coarse_classes("in9", IN9)
    assert set(groups[[575, 586, 660, 847]].tolist()) == {IN9.index("vehicle")}
    ranges = {"reptile": range(33, 69), "insect": range(300, 327), "primate": range(365, 385)}
    for name, numbers in ranges.items():
        assert np.flatnonzero(groups == IN9.index(name)).tolist() == list(numbers)


def test_the_sixteen_shapes_are_those_of_the_cue_conflicts() -> None:
    groups = coarse_classes("shape", SHAPES)
    known = {
        "airplane": [404],
        "bear": [294, 295, 296, 297],
        "bicycle": [444, 671],
        "boat": [472, 554, 625, 814, 914],
        "bottle": [440, 720, 737, 898, 899, 901, 907],
        "car": [436, 511, 817],
        "cat": [281, 282, 283, 284, 285, 286],
        "chair": [423, 559, 765, 857],
        "clock": [409, 530, 892],
        "elephant": [385, 386],
        "keyboard": [508, 878],
        "knife": [499],
        "oven": [766],
        "truck": [555, 569, 656, 675, 717, 734, 864, 867],
    }
    for name, numbers in known.items():
        assert np.flatnonzero(groups == SHAPES.index(name)).tolist() == numbers
    counts = Counter(groups.tolist())
    assert (counts[SHAPES.index("bird")], counts[SHAPES.index("dog")]) == (49, 109)


def test_a_thousand_classes_without_names_are_imagenets() -> None:
    classes = HeadClasses.of(a_head(1000))
    assert classes.outputs([imagenet_wnids()[7], imagenet_wnids()[3]], "set").tolist() == [7, 3]
    assert classes.numbers(imagenet_wnids()).tolist() == list(range(1000))


def test_names_count_before_places(tmp_path: Path) -> None:
    turned = HeadClasses.of(a_head(3, {0: "n02", 1: "n01", 2: "n00"}))
    assert turned.outputs(["n00", "n01"], "set").tolist() == [2, 1]
    assert turned.numbers(["n01", "n02", "n09"]).tolist() == [1, 0, -1]
    (tmp_path / "names.txt").write_text("a first\nb second\nc third\n")
    named = HeadClasses.of(a_head(3, {0: "n02"}), tmp_path / "names.txt")
    assert named.outputs(["c"], "set").tolist() == [2]


def test_classes_that_a_head_lacks_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lacks 4 of the set's 5 classes, n1, n2, n3 and 1 more"):
        HeadClasses.of(a_head(2, {0: "n0"})).outputs(["n0", "n1", "n2", "n3", "n4"], "set")
    with pytest.raises(UsageError, match="its classes have no names"):
        HeadClasses.of(a_head(2)).outputs(["n0"], "set")
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    with pytest.raises(UsageError, match="names 3 classes, the head has 2"):
        HeadClasses.of(a_head(2), tmp_path / "names.txt")
