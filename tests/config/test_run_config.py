from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from maskgen.config import run_config
from maskgen.errors import UsageError

GIVEN = {"dataset": "folder", "output": "out"}


def test_unknown_names_are_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'shard_size'"):
        run_config.make_config({**GIVEN, "shard_sise": 3})
    path = tmp_path / "run.toml"
    path.write_text("shard-sise = 3\n")
    with pytest.raises(UsageError, match="did you mean 'shard_size'"):
        run_config.load_file(path)


def test_file_values_are_checked_like_the_command_lines(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('shard-size = 7\nmethod = "mr"\nbinary = true\n')
    made = run_config.make_config({**GIVEN, **run_config.load_file(path)})
    assert (made.shard_size, made.method, made.binary) == (7, "mr", True)
    path.write_text("shard_size = [")
    with pytest.raises(UsageError, match="cannot read the configuration"):
        run_config.load_file(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shard_size": -1},
        {"shard_size": "7"},
        {"shard_size": True},
        {"method": "rdb"},
        {"threshold": float("nan")},
        {"max_failures": "many"},
        {"max_failures": "101%"},
        {"binary": 1},
        {"threshold": 2.0},
        {"threshold": float("inf")},
        {"jpeg_quality": 101},
        {"limit": 10**20},
        {"output": ""},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        run_config.make_config({**GIVEN, **wrong})


def test_budgets() -> None:
    assert run_config.parse_budget("1%") == (0.01, True)
    assert run_config.parse_budget("20") == (20.0, False)


def test_what_becomes_of_photos_without_a_mask_shapes_runs_of_given_masks_alone() -> None:
    found = run_config.make_config({**GIVEN, "method": "files", "masks": "m"}).fingerprint_fields()
    assert found["missing"] == "quarantine"
    assert "masks" not in found  # what they are is, wherever they lie


def test_only_result_changing_options_are_in_the_fingerprint() -> None:
    fields = run_config.make_config({**GIVEN, "members": "lean"}).fingerprint_fields()
    free = {"input", "output", "weights", "executor", "workers", "max_failures", "image_timeout"}
    free |= {"ray_address", "verify_source", "masks", "missing"}
    free |= {"weights_sha256", "accept_license", "force_precision", "devices", "keys", "background_weights"}
    assert fields.pop("confidence_version") == run_config.CONFIDENCE_VERSION
    assert fields.pop("lean_mask_version") == run_config.LEAN_MASK_VERSION
    assert "lean_mask_version" not in run_config.make_config(GIVEN).fingerprint_fields()
    assert (
        run_config.make_config(GIVEN).fingerprint_fields()["background_version"] == 2
    )  # another way of tiling than that of shards without one
    assert fields.keys() == {field.name for field in dataclasses.fields(run_config.RunConfig)} - free


def test_choices_match_the_registries() -> None:
    from maskgen.backgrounds import BACKGROUNDS
    from maskgen.methods import METHODS
    from maskgen.pipelines.sources import SOURCES

    assert set(run_config.METHODS) == set(METHODS)
    assert set(run_config.BACKGROUNDS) == {*BACKGROUNDS, "onnx", "none"}
    assert set(run_config.DATASETS) == set(SOURCES)


def test_a_missing_option_is_named_with_its_values() -> None:
    with pytest.raises(
        UsageError, match=r"(?s)missing option --dataset\n  Next: one of imagenet, .*, sample: kind"
    ):
        run_config.make_config({"output": "x"})
    with pytest.raises(UsageError, match=r"(?s)missing option --output\n  Next: folder for the shards"):
        run_config.make_config({"dataset": "sample"})


def test_workers_have_a_bound_that_means_something() -> None:
    with pytest.raises(UsageError, match="--workers must be from 0 to 4096, got 10000"):
        run_config.make_config({**GIVEN, "workers": 10_000})


def test_lean_members_make_no_background_and_refuse_what_they_leave_out() -> None:
    values = {"dataset": "sample", "output": "out", "members": "lean"}
    config = run_config.make_config(values)
    assert (config.members, config.background) == ("lean", "none")
    assert config.fingerprint_fields()["members"] == "lean"
    assert run_config.make_config({**values, "background": "none", "binary": False}) == config
    for name, value in (
        ("background", "telea"),
        ("binary", True),
        ("mask_side", 80),
        ("accept_damaged", True),
    ):
        with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} does not go with --members lean"):
            run_config.make_config({**values, name: value})


def test_the_fingerprint_of_whole_samples_is_that_of_before_there_was_a_choice() -> None:
    assert (
        "members" not in run_config.make_config({"dataset": "sample", "output": "out"}).fingerprint_fields()
    )


@pytest.mark.parametrize(
    ("budget", "failed", "over"), [("0", 0, False), ("0", 1, True), ("1%", 1, False), ("1%", 2, True)]
)
def test_a_budget_is_kept_up_to_its_number(budget: str, failed: int, over: bool) -> None:
    assert run_config.is_over_budget(budget, failed, 100) is over
