"""The tasks of `eval-ssl` as a suite sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.cli.eval_ssl import TASKS
from maskgen.cli.eval_ssl.task_commands import find_command
from maskgen.errors import UsageError


@pytest.mark.parametrize("name", TASKS)
def test_every_task_can_be_of_a_suite(name: str, tmp_path: Path) -> None:
    command = find_command(name, tmp_path, "suite.toml")
    assert command.knows("checkpoint")
    assert command.knows("output")
    assert "threads" not in command.spellings or "threads" in command.machine


def test_options_are_named_as_the_command_line_or_the_dataclass_does(tmp_path: Path) -> None:
    command = find_command("knn", tmp_path, "suite.toml")
    assert command.spellings["k"] == command.spellings["ks"] == "ks"
    assert command.words({"ks": [1, 5], "temperature": 0.1}) == ["--k", "1,5", "--temperature", "0.1"]
    assert "listed" not in find_command("linear", tmp_path, "suite.toml").spellings
    with pytest.raises(UsageError, match="no task 'kn'") as error:
        find_command("kn", tmp_path, "suite.toml")
    assert "did you mean 'knn'?" in str(error.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "Missing option '--data'"),
        ({"data": "absent"}, "'absent' does not exist"),
        ({"data": "set", "ks": ["x"]}, "'x' is no list of whole numbers"),
        ({"data": "set", "ks": [0]}, "--k must be at least 1"),
        ({"data": "set", "interpolation": "linear"}, "did you mean 'bilinear'?"),
        ({"data": "set", "temperature": True}, "temperature takes no True"),
        ({"data": "set", "temperature": {"a": 1}}, "temperature takes no {'a': 1}"),
    ],
)
def test_values_are_checked_as_the_command_checks_them(
    tmp_path: Path, options: dict[str, object], told: str
) -> None:
    """From the suite's folder, where the data set is."""
    (tmp_path / "set").mkdir()
    command = find_command("knn", tmp_path, "suite.toml")
    own = {"checkpoint": "random", "output": "."}
    command.check({**own, "data": "set"})
    with pytest.raises(UsageError) as error:
        command.check({**own, **options})
    assert told in str(error.value)
    assert "suite.toml" in str(error.value)
