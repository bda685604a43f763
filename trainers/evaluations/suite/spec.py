"""What a suite file says: checkpoints, tasks, seeds, and the tables and plots of their results."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any

from maskgen.config.bounds import at_least
from maskgen.config.options import option
from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from .sections import FREE_ARRAY, FREE_TABLE, read_section, section

_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")


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
class Column:
    """``[[table.column]]``: one figure of one task."""

    name: str = option(MISSING, "Its heading.")
    task: str = option(MISSING, "The name of a task.")
    metric: str = option(MISSING, "Where the figure stands in the task's JSON: keys with dots between them.")
    file: str = option("", "The JSON file, where the task writes several.")
    scale: float = option(100.0, "The figure is shown times this: 100 for per cent.")
    digits: int = option(1, "After the point.", bounds=at_least(0))
    best: str = option("high", "Which figure is set bold.", choices=("high", "low", "none"))


@dataclass(frozen=True, kw_only=True)
class Row:
    """``[[table.row]]``: checkpoints, and what was published of such a model."""

    name: str = option(MISSING, "Its heading.")
    checkpoints: tuple[str, ...] = option((), "Names; of several, such as independent trainings, the mean.")
    published: tuple[Any, ...] = field(default=(), metadata=FREE_ARRAY)


@dataclass(frozen=True, kw_only=True)
class Table:
    """``[[table]]``: a table as a paper has it."""

    title: str = option(MISSING, "Above it.")
    source: str = option("", "Where the published figures are from.")
    columns: tuple[Column, ...] = section(Column, "column")
    rows: tuple[Row, ...] = section(Row, "row")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """``[[plot.line]]``: a figure over x, of one checkpoint or of one after the other; or published."""

    name: str = option(MISSING, "Written at its end.")
    checkpoints: tuple[str, ...] = option((), "One for all x, or one for each.")
    y: tuple[float, ...] = option((), "Published figures in place of a checkpoint's.")


@dataclass(frozen=True, kw_only=True)
class Plot:
    """``[[plot]]``: lines over x; without lines of its own, one for each checkpoint."""

    title: str = option(MISSING, "Above it.")
    x_name: str = option("", "Under the axis.")
    x: tuple[float, ...] = option(MISSING, "The places on the axis.")
    task: str = option(MISSING, "The name of a task.")
    metric: str = option(MISSING, "As a column's; {x} stands for the place.")
    file: str = option("", "As a column's.")
    scale: float = option(100.0, "As a column's.")
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


def known(name: str, names: Iterable[str], what: str, where: str) -> None:
    """Refuse a name that is not among others.

    Raises:
        UsageError: naming the nearest.
    """
    names = list(names)
    if name not in names:
        raise UsageError(f"there is no {what} {name!r}", where=where, remedy=nearest(name, names))


def check_names(what: str, names: Sequence[str], where: str) -> None:
    """Refuse names that come twice or cannot name a folder.

    Raises:
        UsageError: likewise where there is no name at all.
    """
    if not names:
        raise UsageError(f"the file has no {what}", where=where, remedy=f"add a [[{what}]]")
    for number, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"the {what} {name!r} cannot name a folder",
                where=where,
                remedy="use letters, digits, . _ + and -",
            )
        if name in names[:number]:
            raise UsageError(f"two {what}s are called {name!r}", where=where, remedy="name them apart")


def _check_table(suite: Suite, table: Table, where: str) -> None:
    for column in table.columns:
        known(column.task, [task.name for task in suite.tasks], "task", where)
    for row in table.rows:
        for name in row.checkpoints:
            known(name, [one.name for one in suite.checkpoints], "checkpoint", where)
        if len(row.published) > len(table.columns):
            raise UsageError(
                f"the row {row.name!r} has {len(row.published)} published figures, the table "
                f"{len(table.columns)} columns",
                where=where,
                remedy='give one for each column, "" where there is none',
            )
    if not table.columns:
        raise UsageError("the table has no column", where=where, remedy="add a [[table.column]]")


def _check_plot(suite: Suite, plot: Plot, where: str) -> None:
    known(plot.task, [task.name for task in suite.tasks], "task", where)
    for line in plot.lines:
        for name in line.checkpoints:
            known(name, [one.name for one in suite.checkpoints], "checkpoint", where)
        count = len(line.y) or len(line.checkpoints)
        if count != len(plot.x) and (line.y or count != 1):
            raise UsageError(
                f"the line {line.name!r} has {count} places, the plot {len(plot.x)}",
                where=where,
                remedy="give it y or checkpoints for each x, or one checkpoint",
            )
