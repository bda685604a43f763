"""V2, A, R, Sketch and C in their published layouts, small."""

from __future__ import annotations

from pathlib import Path

import pytest
from robust_kit import WNIDS, write_classes

from maskgen.errors import UsageError
from maskgen.trainers.datasets.images import images_of_folder
from maskgen.trainers.evaluations.robust.classes import HeadClasses, imagenet_wnids
from maskgen.trainers.evaluations.robust.judges import ByClass
from maskgen.trainers.evaluations.robust.sets.imagenet import open_a, open_c, open_r, open_sketch, open_v2
from maskgen.trainers.evaluations.robust.sets.parts import Parts, Request

CLASSES = HeadClasses(dict(enumerate(imagenet_wnids())), 1000)


def asked(folder: Path, *, partial: bool = True, classes: HeadClasses = CLASSES) -> Request:
    return Request(folder=folder, classes=classes, partial=partial)


def judges(parts: Parts) -> dict[str, ByClass]:
    found = {name: part.judge for name, part in parts.items()}
    return {name: judge for name, judge in found.items() if isinstance(judge, ByClass)}


def test_v2s_folders_are_numbers_and_not_texts(tmp_path: Path) -> None:
    """Sorted as texts, 10 comes before 2 and 404 before 7."""
    folder = write_classes(tmp_path / "one", ["0", "2", "7", "10", "404"], each=1)
    judge = judges(open_v2(asked(folder)))[""]
    images, other = open_v2(asked(folder))[""].images, images_of_folder(folder)
    assert [other.names[label] for label in other.labels.tolist()] == ["0", "10", "2", "404", "7"]
    assert judge.labels.tolist() == [0, 10, 2, 404, 7]
    assert all((images.read(row) == other.read(row)).all() for row in range(5))
    turned = HeadClasses(dict(enumerate(reversed(imagenet_wnids()))), 1000)
    assert (judges(open_v2(asked(folder, classes=turned)))[""].labels == 999 - judge.labels).all()


def test_v2_has_three_sets_in_one_folder(tmp_path: Path) -> None:
    for name in ("matched-frequency", "threshold0.7", "top-images"):
        write_classes(tmp_path / f"imagenetv2-{name}-format-val", ["3", "12"], each=1)
    parts = open_v2(asked(tmp_path))
    assert list(parts) == ["matched-frequency", "threshold0.7", "top-images"]
    with pytest.raises(UsageError, match="v2 is not the whole set: 2 pictures in 2 folders"):
        open_v2(asked(tmp_path, partial=False))
    with pytest.raises(UsageError, match="not named as the set's"):
        open_v2(asked(write_classes(tmp_path / "wnids")))


def test_a_and_r_answer_with_their_own_classes_alone(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "set")
    for opened in (open_a, open_r):
        judge = judges(opened(asked(folder)))[""]
        assert judge.members is not None
        assert judge.members.tolist() == [2, 10, 153, 404]
        assert judge.labels.tolist() == [2, 2, 10, 10, 153, 153, 404, 404]
    assert judges(open_sketch(asked(folder)))[""].members is None


def test_whole_and_wrong_sets_are_told_apart(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "set")
    for opened, text in ((open_a, "7,500 photos in 200"), (open_r, "30,000"), (open_sketch, "50,889")):
        with pytest.raises(UsageError, match="not the whole set") as refusal:
            opened(asked(folder, partial=False))
        assert text in str(refusal.value)
    with pytest.raises(UsageError, match="not named as the set's"):
        open_a(asked(write_classes(tmp_path / "names", ["cat", "dog"])))
    few = HeadClasses({0: WNIDS[0], 1: WNIDS[1]}, 2)
    with pytest.raises(UsageError, match=f"lacks 2 of the set's 4 classes, {WNIDS[2]}"):
        open_a(asked(folder, classes=few))


@pytest.mark.slow
def test_two_hundred_folders_with_seven_and_a_half_thousand_photos_are_whole(tmp_path: Path) -> None:
    for wnid in imagenet_wnids()[:200]:
        (tmp_path / wnid).mkdir()
        for number in range(38 if wnid < imagenet_wnids()[100] else 37):
            (tmp_path / wnid / f"{number}.jpg").touch()
    assert len(open_a(asked(tmp_path, partial=False))[""].images) == 7500


def test_c_lies_by_corruption_and_severity(tmp_path: Path) -> None:
    for name in ("gaussian_noise/1", "gaussian_noise/2", "snow/5", "speckle_noise/1"):
        write_classes(tmp_path / name, each=1)
    parts = open_c(asked(tmp_path))
    assert list(parts) == [
        "gaussian_noise/1",
        "gaussian_noise/2",
        "snow/5",
    ]  # the fourth is an extra
    with pytest.raises(UsageError, match="3 of 75 corruptions") as refusal:
        open_c(asked(tmp_path, partial=False))
    assert "there is no gaussian_noise/3" in str(refusal.value)
    with pytest.raises(UsageError, match="0 of 75"):
        open_c(asked(tmp_path / "snow"))
