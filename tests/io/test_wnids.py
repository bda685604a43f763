"""Files of labels: one order of their names and one reading of their lines, for shards and evaluations."""

from __future__ import annotations

from pathlib import Path

from maskgen.io.wnids import BY_NAME, split_rows
from maskgen.pipelines.sources.imagenet.labels import find_classes
from maskgen.trainers.datasets.public.folder import SetFolder
from maskgen.trainers.datasets.public.imagenet import validation_wnids

PHOTO = "ILSVRC2012_val_00000001"


def test_lines_are_split_alike_by_spaces_tabs_and_commas() -> None:
    lines = [
        f"{PHOTO}.JPEG n01440764",
        f"{PHOTO}\tn01440764\t0\t0",
        f"{PHOTO},n01440764 1 2 3 4",
        " n01440764 ",
    ]
    rows = list(split_rows(["ImageId,PredictionString", "", *lines]))
    assert [row.wnid for row in rows] == ["n01440764"] * 4
    assert [row.name for row in rows] == [f"{PHOTO}.JPEG", PHOTO, PHOTO, ""]
    assert [(row.number, row.text) for row in rows] == list(enumerate(lines, 3))


def test_of_several_files_shards_and_evaluations_take_the_same(tmp_path: Path) -> None:
    (tmp_path / f"{PHOTO}.JPEG").touch()
    for number, name in enumerate(BY_NAME):
        (tmp_path / name).write_text(f"{PHOTO} n0000000{number}\n")
    home = SetFolder(tmp_path, "ImageNet", "")
    for number, name in enumerate(BY_NAME):
        classes = find_classes(tmp_path, tmp_path, [PHOTO])
        assert classes is not None
        assert classes.wnids == [f"n0000000{number}"]
        assert validation_wnids(home, tmp_path, [f"{PHOTO}.JPEG"])[0] == classes.wnids
        (tmp_path / name).unlink()
