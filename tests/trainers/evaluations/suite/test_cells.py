"""Cells: their order, their options and what they depend on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.suite.cells import Cell
from maskgen.trainers.evaluations.suite.spec import Suite, Task

ListCells = Callable[[Suite], list[Cell]]


def test_a_task_comes_after_the_one_whose_file_it_uses(cells: list[Cell]) -> None:
    names = ["first/seed-1", "later/seed-0", "later/seed-1"]
    assert [cell.name for cell in cells] == [f"{one}/{name}" for one in "ab" for name in names]
    uses = [use for cell in cells[1:3] for use in cell.uses.values()]
    assert [(use.cell.name, use.file) for use in uses] == [("a/first/seed-1", "linear.safetensors")] * 2
    assert cells[1].options == {"side": 32}  # of the defaults
    assert cells[0].options == {"lrs": [0.1, 1], "threads": 4, "side": 32}


def test_settings_hold_what_the_result_depends_on(suite: Suite, cells_of: ListCells) -> None:
    def settings(**options: object) -> list[dict[str, object]]:
        first = replace(suite.tasks[1], options=suite.tasks[1].options | options)
        return [cell.settings for cell in cells_of(replace(suite, tasks=(suite.tasks[0], first)))]

    before = settings()
    assert settings(threads=8) == before
    changed = [old != new for old, new in zip(before, settings(lr=[3]), strict=True)]
    assert changed == [True] * 6  # those that use its head too


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"sides": 1}, "did you mean 'side'?"),
        ({"output": "x"}, "toy gets it otherwise"),
        ({"head": {"task": "frist"}}, "did you mean 'first'?"),
        ({"head": {"name": "first"}}, "another task's file"),
        ({"head": "later"}, "use each other in a circle"),
    ],
)
def test_mistaken_options_are_named(
    suite: Suite, cells_of: ListCells, options: dict[str, object], told: str
) -> None:
    later = replace(suite.tasks[0], options=options)
    with pytest.raises(UsageError) as error:
        cells_of(replace(suite, tasks=(later, suite.tasks[1])))
    assert told in str(error.value)


def test_a_default_that_no_task_has_is_named(suite: Suite, cells_of: ListCells) -> None:
    with pytest.raises(UsageError, match="no task has an option 'sied'") as error:
        cells_of(replace(suite, defaults={"sied": 1}))
    assert "did you mean 'side'?" in str(error.value)


def test_a_seed_counts_once(suite: Suite, cells_of: ListCells) -> None:
    with pytest.raises(UsageError, match="a seed comes twice"):
        cells_of(replace(suite, tasks=(Task(name="t", command="toy", seeds=(1, 1)),), tables=(), plots=()))
