"""What tables and plots say, of a suite and of an experiment alike: columns, rows, axes; and their checks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import MISSING, dataclass, field
from typing import Any

from maskgen.config.bounds import at_least
from maskgen.config.options import option
from maskgen.errors import UsageError

from .sections import FREE_ARRAY, known, section


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
class AnyRow:
    """``[[table.row]]``, whoever's figures it shows."""

    name: str = option(MISSING, "Its heading.")
    published: tuple[Any, ...] = field(default=(), metadata=FREE_ARRAY)


@dataclass(frozen=True, kw_only=True)
class AnyTable:
    """``[[table]]``: a table as a paper has it, without its rows."""

    title: str = option(MISSING, "Above it.")
    source: str = option("", "The table, figure or section that has the published figures.")
    columns: tuple[Column, ...] = section(Column, "column")


@dataclass(frozen=True, kw_only=True)
class AnyPlot:
    """``[[plot]]``: one figure over places, without its lines."""

    title: str = option(MISSING, "Above it.")
    source: str = option("", "Where its published figures are from.")
    kind: str = option("lines", "Lines over x, or bars side by side.", choices=("lines", "bars"))
    x_name: str = option("", "Under the axis.")
    x: tuple[float, ...] = option((), "The places on the axis.")
    labels: tuple[str, ...] = option((), "Of bars, names in place of x.")
    task: str = option(MISSING, "The name of a task.")
    metric: str = option(MISSING, "As a column's; {x} stands for the place.")
    file: str = option("", "As a column's.")
    scale: float = option(100.0, "As a column's.")

    @property
    def places(self) -> tuple[str, ...]:
        """Names of the places."""
        return self.labels or tuple(f"{x:g}" for x in self.x)


def check_sheet(table: AnyTable, rows: Sequence[AnyRow], tasks: Collection[str], where: str) -> None:
    """Refuse a table whose columns show nothing, or whose rows have more figures than columns.

    Args:
        table: it.
        rows: its own.
        tasks: names of all tasks.
        where: it stands, for errors.

    Raises:
        UsageError: naming the row or the task.
    """
    if not table.columns:
        raise UsageError("the table has no column", where=where, remedy="add a [[table.column]]")
    for column in table.columns:
        known(column.task, tasks, "task", where)
    for row in rows:
        if len(row.published) > len(table.columns):
            raise UsageError(
                f"the row {row.name!r} has {len(row.published)} published figures, the table "
                f"{len(table.columns)} columns",
                where=where,
                remedy='give one for each column, "" where there is none',
            )


def check_axis(plot: AnyPlot, tasks: Collection[str], where: str) -> None:
    """Refuse a plot without places, or of a task that there is not.

    Raises:
        UsageError: naming what it lacks.
    """
    known(plot.task, tasks, "task", where)
    if not plot.places or (plot.labels and (plot.x or plot.kind == "lines")):
        raise UsageError(
            "the plot does not say its places", where=where, remedy="give x, or labels of kind = 'bars'"
        )


def check_count(plot: AnyPlot, name: str, count: int, where: str, *, one: bool = False) -> None:
    """Refuse a line that has not something for each place.

    Args:
        plot: it.
        name: of the line.
        count: of what it has.
        where: it stands, for errors.
        one: whether one for all places will do.

    Raises:
        UsageError: naming the line.
    """
    if count != len(plot.places) and not (one and count == 1):
        raise UsageError(
            f"the line {name!r} has {count} places, the plot {len(plot.places)}",
            where=where,
            remedy="give it one for each place" + (", or one for all" if one else ""),
        )
