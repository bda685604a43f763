"""What a suite file says: checkpoints, tasks, seeds, and the tables and plots of their results."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any

from maskgen.config.bounds import at_least
from maskgen.config.options import option
from maskgen.errors import UsageError

from .sections import FREE_ARRAY, FREE_TABLE, check_names, known, read_section, section
from .sheets import AnyPlot, AnyRow, AnyTable, check_axis, check_count, check_sheet


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """``[[checkpoint]]``: one backbone."""

    name: str = option(MISSING, "Of its folder and its row.")
    source: str = option(MISSING, "As --checkpoint of the tasks.")
    backbone: str = option("", "As --backbone of the tasks.")


@dataclass(frozen=True, kw_only=True)
class Task:
    """``[[task]]``: one command of `eval-ssl` with its options."""

    name: str = option(MISSING, "Of its folders.")
    command: str = option(MISSING, "A task of eval-ssl.")
    seeds: tuple[int, ...] = option((), "In place of the suite's.")
    options: dict[str, Any] = field(default_factory=dict, metadata=FREE_TABLE)


@dataclass(frozen=True, kw_only=True)
class Row(AnyRow):
    """``[[table.row]]``: checkpoints, and what was published of such a model."""

    checkpoints: tuple[str, ...] = option((), "Names; of several, such as independent trainings, the mean.")


@dataclass(frozen=True, kw_only=True)
class Table(AnyTable):
    """``[[table]]``: a table as a paper has it."""

    rows: tuple[Row, ...] = section(Row, "row")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """``[[plot.line]]``: a figure over the places, of one checkpoint or of one after the other; or published.

    Args:
        name: of it.
        checkpoints: one for all places, or one for each; an array of names stands for their mean.
        y: published figures in place of a checkpoint's, as they are shown.
        beside: the name of the line that these stand beside.
    """

    name: str = option(MISSING, "Written at its end.")
    checkpoints: tuple[Any, ...] = field(default=(), metadata=FREE_ARRAY)
    y: tuple[float, ...] = option((), "Published figures in place of a checkpoint's.")
    beside: str = option("", "The line whose color published figures have, dashed; of bars, hollow.")

    def groups(self, count: int) -> list[tuple[str, ...]]:
        """The checkpoints of each of `count` places."""
        each = [(one,) if isinstance(one, str) else tuple(one) for one in self.checkpoints]
        return each * count if len(each) == 1 else each


@dataclass(frozen=True, kw_only=True)
class Plot(AnyPlot):
    """``[[plot]]``: lines over x, or bars; without lines of its own, one for each checkpoint."""

    lines: tuple[Curve, ...] = section(Curve, "line")


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A suite file.

    Args:
        title: of the report.
        seeds: of each task that has none of its own.
        defaults: options of all tasks that know them.
        checkpoints: at least one.
        tasks: at least one.
        tables: of the report; none: one for each task, with all its figures.
        plots: of the report.
    """

    title: str = option("Evaluation", "Of the report.")
    seeds: tuple[int, ...] = option((0,), "Of all tasks.", bounds=at_least(0))
    defaults: dict[str, Any] = field(default_factory=dict, metadata=FREE_TABLE)
    checkpoints: tuple[Checkpoint, ...] = section(Checkpoint, "checkpoint")
    tasks: tuple[Task, ...] = section(Task, "task")
    tables: tuple[Table, ...] = section(Table, "table")
    plots: tuple[Plot, ...] = section(Plot, "plot")


def read_suite(path: Path) -> Suite:
    """The suite of a TOML file, all of whose names lead somewhere.

    Args:
        path: the file.

    Raises:
        UsageError: it cannot be read, a key or name is mistaken (the nearest is named), or one comes twice.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            "cannot read the suite", where=str(path), cause=str(error), remedy="mend the TOML file"
        ) from error
    suite = read_section(Suite, raw, str(path))
    for what, items in (("checkpoint", suite.checkpoints), ("task", suite.tasks)):
        check_names(what, [one.name for one in items], str(path))
    for table in suite.tables:
        _check_table(suite, table, f"{path}: table {table.title!r}")
    for plot in suite.plots:
        _check_plot(suite, plot, f"{path}: plot {plot.title!r}")
    return suite


def _check_table(suite: Suite, table: Table, where: str) -> None:
    check_sheet(table, table.rows, [task.name for task in suite.tasks], where)
    for row in table.rows:
        for name in row.checkpoints:
            known(name, [one.name for one in suite.checkpoints], "checkpoint", where)


def _check_plot(suite: Suite, plot: Plot, where: str) -> None:
    check_axis(plot, [task.name for task in suite.tasks], where)
    for line in plot.lines:
        if not all(isinstance(one, str | list) for one in line.checkpoints):
            raise UsageError(
                f"the line {line.name!r} has a checkpoint that is no name", where=where, remedy="give names"
            )
        for name in (name for group in line.groups(1) for name in group):
            known(name, [one.name for one in suite.checkpoints], "checkpoint", where)
        if line.beside:
            known(line.beside, [one.name for one in plot.lines], "line", where)
        check_count(plot, line.name, len(line.y or line.checkpoints), where, one=not line.y)
