"""A folder belongs to one configuration: it is free, resumed, or refused with what differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.config.claim import REPEAT, check_empty, claim_folder
from maskgen.errors import EXIT_USAGE, UsageError


def forbidden() -> None:
    raise AssertionError("not asked: the folder holds a configuration")


def test_a_folder_without_a_configuration_is_new_once_it_is_found_free() -> None:
    asked: list[str] = []
    assert not claim_folder(Path("x"), {"a": 1}, lambda: None, check_free=lambda: asked.append("free"))
    assert asked == ["free"]


def test_the_same_configuration_is_resumed_though_json_has_made_lists_of_its_tuples() -> None:
    stored = {"crop": [0.2, 1.0], "phase": {"epochs": 3}}
    wanted = {"phase": {"epochs": 3}, "crop": (0.2, 1.0)}
    assert claim_folder(Path("x"), wanted, lambda: stored, check_free=forbidden)


def test_another_configuration_is_refused_naming_each_field_that_differs() -> None:
    stored = {"seed": 1, "phase": {"epochs": 3, "lr": 0.1}, "gone": True}
    wanted = {"seed": 2, "phase": {"epochs": 5, "lr": 0.1}, "new": "yes"}
    with pytest.raises(UsageError) as caught:
        claim_folder(
            Path("out"), wanted, lambda: stored, check_free=forbidden, explain=lambda: ["photos: 3 -> 4"]
        )
    first, *lines = caught.value.what.split("\n")
    assert first == "the output folder out was made with other settings:"
    assert str(caught.value).endswith("photos: 3 -> 4\n  Next: " + REPEAT + ".")
    assert [line.strip() for line in lines] == [
        "gone: True -> None",
        "new: None -> 'yes'",
        "phase.epochs: 3 -> 5",
        "seed: 1 -> 2",
        "photos: 3 -> 4",
    ]
    assert caught.value.exit_code == EXIT_USAGE
    assert caught.value.remedy == REPEAT


def test_a_hash_that_other_lines_explain_is_not_shown() -> None:
    stored = {"plan": "1f", "plan_b": 1, "seed": 1, "versions": {"numpy": "2"}}
    wanted = {"plan": "2e", "plan_b": 2, "seed": 1, "versions": {"numpy": "3"}}
    explained = {"explain": lambda: ["photos: 3 -> 4"], "explained": ("plan", "versions")}
    with pytest.raises(UsageError) as caught:
        claim_folder(Path("out"), wanted, lambda: stored, check_free=forbidden, **explained)  # type: ignore[arg-type]
    assert caught.value.what.split("\n    ")[1:] == ["plan_b: 1 -> 2", "photos: 3 -> 4"]


def test_an_absent_or_empty_folder_is_free_and_hidden_files_do_not_count(tmp_path: Path) -> None:
    check_empty(tmp_path / "absent", "run")
    check_empty(tmp_path, "run")
    (tmp_path / ".nfs0001").write_text("")
    check_empty(tmp_path, "run")


def test_a_folder_with_something_in_it_and_a_file_in_its_place_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(UsageError, match="is not empty and holds no run") as caught:
            check_empty(place, "run")
        assert caught.value.where == str(place)
    assert (tmp_path / "notes.txt").read_text() == "mine"
