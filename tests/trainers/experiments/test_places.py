"""Names in braces stand for what `--data` gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.experiments.places import (
    absolute,
    check_training_places,
    fill_places,
    names_in,
    parse_places,
    training_names,
)
from maskgen.trainers.experiments.spec import Experiment


def test_names_are_found_and_filled_at_any_depth() -> None:
    value = {"set": ["a={one}/val", 3], "file": {"task": "{two}"}, "p": 0.5, "on": True}
    assert names_in(value) == {"one", "two"}
    assert fill_places(value, {"one": "/x"}) == {"set": ["a=/x/val", 3], "file": {"task": "{two}"}} | {
        "p": 0.5,
        "on": True,
    }


def test_places_are_absolute_whatever_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("shards") == str(tmp_path / "shards")
    assert absolute("folder:photos") == f"folder:{tmp_path}/photos"
    assert absolute("stl10:sets/stl@unlabeled") == f"stl10:{tmp_path}/sets/stl@unlabeled"
    assert absolute("gs://bucket/shards") == "gs://bucket/shards"
    with pytest.raises(UsageError, match="no such kind of set"):
        absolute("slt10:sets")


def test_data_is_given_by_name(experiment: Experiment, tmp_path: Path) -> None:
    assert parse_places([f"shards={tmp_path}/a=b"], experiment) == {"shards": f"{tmp_path}/a=b"}
    for texts, told in (
        (["shard=x"], "did you mean 'shards'?"),
        (["x"], "NAME=PLACE"),
        (["shards="], "NAME=PLACE"),
        (["shards=x", "shards=y"], "twice"),
    ):
        with pytest.raises(UsageError) as error:
            parse_places(texts, experiment)
        assert told in str(error.value)


def test_the_only_place_needs_no_name(experiment: Experiment, tmp_path: Path) -> None:
    one = replace(experiment, data={"shards": "shards"})
    assert parse_places([f"{tmp_path}"], one) == parse_places([f"shards={tmp_path}"], one)


def test_what_trainings_need_is_asked_for(experiment: Experiment) -> None:
    assert training_names(experiment) == {"shards"}
    check_training_places(experiment, {"shards": "/x"})
    with pytest.raises(UsageError, match="shards of anything"):
        check_training_places(experiment, {"photos": "/x"})
