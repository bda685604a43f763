"""KIND:PATH[@SPLIT]: what it means, which splits stand in for those not named, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from public_sets_kit import write_dtd, write_stl

from maskgen.errors import UsageError
from maskgen.trainers.datasets.images import open_images
from maskgen.trainers.datasets.public.place import (
    Place,
    paper_metric,
    parse_place,
    training_places,
    validation_place,
)

HERE = Path("/data/set")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("pets:/data/set", Place("pets", HERE)),
        ("pets:/data/set@test", Place("pets", HERE, "test")),
        ("dtd:/data/set@val7", Place("dtd", HERE, "val", 7)),
        ("dtd:/data/set@10", Place("dtd", HERE, "", 10)),
        ("stl10:/data/set@train+unlabeled", Place("stl10", HERE, "train+unlabeled")),
        ("imagenet-val:/data/set", Place("imagenet-val", HERE)),
        ("folder:/data/set", HERE),
        ("/data/set", HERE),
        ("/data/a@b", Path("/data/a@b")),
    ],
)
def test_a_place_is_read_and_written_alike(text: str, meant: Place | Path) -> None:
    assert parse_place(text) == meant
    assert parse_place(str(meant)) == meant


def test_names_with_signs_that_exist_are_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets:mine").mkdir()
    (tmp_path / "me@home").mkdir()
    assert parse_place("pets:mine") == Path("pets:mine")
    assert parse_place("pets:me@home") == Place("pets", Path("me@home"))
    assert parse_place("pets:me@home@test") == Place("pets", Path("me@home"), "test")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pet:/data/set", r"no such kind of set, 'pet'(.|\n)*did you mean 'pets'"),
        ("pets:/data/set@val", r"has no split 'val': pets:/data/set\n  Next: one of @trainval, @test"),
        ("dtd:/data/set@11", r"DTD has no partition 11(.|\n)*from 1 to 10"),
        ("dtd:/data/set@", r"no split ''(.|\n)*@train2"),
        ("pets:/data/set@test2", r"no partition 2(.|\n)*leave the number out"),
        ("dtd:/data/set@Train", "no split 'Train'"),
    ],
)
def test_what_is_mistaken_is_answered(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_place(text)


def test_a_set_alone_brings_its_own_splits() -> None:
    assert training_places("pets:/d", None) == (
        Place("pets", Path("/d"), "trainval"),
        Place("pets", Path("/d"), "test"),
    )
    assert validation_place("pets:/d", None) is None
    assert training_places("dtd:/d@3", None) == (
        Place("dtd", Path("/d"), "train", 3),
        Place("dtd", Path("/d"), "test", 3),
    )
    assert validation_place("dtd:/d@3", None) == Place("dtd", Path("/d"), "val", 3)


def test_named_splits_count_and_no_image_is_tested_on_that_was_learned() -> None:
    both = training_places("dtd:/d@trainval", None)
    assert both == (Place("dtd", Path("/d"), "trainval"), Place("dtd", Path("/d"), "test"))
    assert validation_place("dtd:/d@trainval", None) is None
    assert validation_place("dtd:/d@trainval", "dtd:/d@2") == Place("dtd", Path("/d"), "val", 2)
    assert training_places("pets:/d@test", None) == (Place("pets", Path("/d"), "test"), None)
    assert training_places("imagenet-val:/d", None) == (Place("imagenet-val", Path("/d"), "val"), None)
    assert training_places("/photos", "imagenet-val:/d") == (
        Path("/photos"),
        Place("imagenet-val", Path("/d"), "val"),
    )
    assert validation_place("/photos", None) is None


def test_other_test_images_take_the_place_of_val_alone(tmp_path: Path) -> None:
    """Not the folder itself, whose two classes would be train and val."""
    for name in ("train", "val"):
        (tmp_path / name).mkdir()
    assert training_places(tmp_path, None) == (tmp_path / "train", tmp_path / "val")
    assert training_places(tmp_path, "/other") == (tmp_path / "train", Path("/other"))
    assert training_places(tmp_path / "train", "/other") == (tmp_path / "train", Path("/other"))


def test_the_metric_is_the_papers() -> None:
    assert paper_metric(Path("/photos")) == "top1"
    assert paper_metric(Place("pets", HERE)) == "per_class"
    assert paper_metric(Place("sun397", HERE)) == "top1"


def test_images_of_a_set_and_of_a_split_without_labels(tmp_path: Path) -> None:
    root = write_dtd(tmp_path / "dtd")
    assert open_images(f"dtd:{root}@test2").names == {0: "banded", 1: "blotchy", 2: "braided"}
    stl = write_stl(tmp_path / "stl")
    with pytest.raises(UsageError, match=r"have no labels: stl10:.*@unlabeled(.|\n)*@train"):
        open_images(f"stl10:{stl}@unlabeled")
