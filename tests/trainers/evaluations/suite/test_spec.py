"""A suite file: every name in it leads somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.suite.spec import Suite, read_suite


def test_a_file_becomes_a_suite(suite: Suite) -> None:
    assert [one.name for one in suite.checkpoints] == ["a", "b"]
    assert suite.tasks[1].options == {"lr": [0.1, 1], "threads": 4}
    assert suite.tables[0].rows[0].published == (70, "0.50 ± 0.01")
    assert suite.plots[0].x == (0.5, 0.25)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[[task]]", "[[taks]]", "did you mean 'task'?"),
        ("seeds = [0, 1]", "seeds = [-1]", "seeds must be"),
        ('name = "b"', 'name = "a"', "two checkpoints are called 'a'"),
        ('name = "b"', 'name = "../b"', "cannot name a folder"),
        ('task = "later"', 'task = "latter"', "there is no task 'latter'"),
        ('["a", "b"]', '["a", "c"]', "there is no checkpoint 'c'"),
        ("published = [70,", "published = [1, 2,", "3 published figures, the table 2 columns"),
        ("title =", "title", "cannot read the suite"),
        (
            'metric = "deep.error.{x}"',
            'metric = "x"\nline = [{ name = "l", y = [1] }]',
            "has 1 places, the plot 2",
        ),
        ('metric = "deep.error.{x}"', 'metric = "x"\nline = [{ name = "l" }]', "has 0 places"),
        (
            'metric = "deep.error.{x}"',
            'metric = "x"\nline = [{ name = "l", checkpoints = ["d"] }]',
            "checkpoint 'd'",
        ),
    ],
)
def test_mistakes_are_named(suite_file: Path, old: str, new: str, told: str) -> None:
    text = suite_file.read_text()
    assert old in text
    suite_file.write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError) as error:
        read_suite(suite_file)
    assert told in str(error.value)
    assert "suite.toml" in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no checkpoint"),
        ('[[checkpoint]]\nname = "a"\nsource = "random"', "no task"),
    ],
)
def test_an_empty_suite_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=told):
        read_suite(path)
