"""A suite's tables, filled with figures: ours, and the published ones beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .figures import Collected, Figure
from .sheets import Column
from .spec import Row, Suite, Table


@dataclass(frozen=True)
class Entry:
    """One place of a table.

    Args:
        figure: ours; None: there is none.
        ours: as it is shown; empty for none.
        published: likewise.
        best: whether ours is the best of its column.
    """

    figure: Figure | None
    ours: str
    published: str
    best: bool = False


@dataclass(frozen=True)
class FilledRow:
    """A row: its heading, and an entry for each column."""

    name: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class FilledTable:
    """A table with its figures."""

    table: Table
    rows: tuple[FilledRow, ...]

    @property
    def published(self) -> list[bool]:
        """Of each column, whether it has published figures."""
        return [any(row.entries[n].published for row in self.rows) for n in range(len(self.table.columns))]


def fill_tables(suite: Suite, found: Collected) -> list[FilledTable]:
    """All tables of a suite; one for each task, with all figures of its results, if the file has none."""
    return [_fill(suite, table, found) for table in suite.tables or _plain_tables(suite, found)]


def _fill(suite: Suite, table: Table, found: Collected) -> FilledTable:
    rows = table.rows or tuple(Row(name=one.name, checkpoints=(one.name,)) for one in suite.checkpoints)
    columns = [
        [found.figure(row.checkpoints, column.task, column.file, column.metric) for row in rows]
        for column in table.columns
    ]
    best = [_best(column, figures) for column, figures in zip(table.columns, columns, strict=True)]
    filled = []
    for number, row in enumerate(rows):
        entries = []
        for place, column in enumerate(table.columns):
            figure = columns[place][number]
            published = row.published[place] if place < len(row.published) else ""
            entries.append(
                Entry(
                    figure,
                    show(figure, column),
                    _shown(published, column),
                    _mean(figure, column) == best[place],
                )
            )
        filled.append(FilledRow(row.name, tuple(entries)))
    return FilledTable(table, tuple(filled))


def show(figure: Figure | None, column: Column) -> str:
    """A figure as its column has it: ``71.2 ± 0.1``.

    Example:
        >>> from maskgen.trainers.evaluations.suite.figures import summarize
        >>> from maskgen.trainers.evaluations.suite.sheets import Column
        >>> from maskgen.trainers.evaluations.suite.tables import show
        >>> show(summarize([[0.6, 0.7, 0.8]]), Column(name="Top-1", task="in", metric="top1"))
        '70.0 ± 5.8'
    """
    if figure is None:
        return ""
    mean = _mean(figure, column)
    return mean if figure.sem is None else f"{mean} ± {figure.sem * column.scale:.{column.digits}f}"


def _shown(published: Any, column: Column) -> str:
    if isinstance(published, int | float):
        return f"{published:.{column.digits}f}" if column.digits else f"{published:g}"
    return str(published)


def _mean(figure: Figure | None, column: Column) -> str:
    return "" if figure is None else f"{figure.mean * column.scale:.{column.digits}f}"


def _best(column: Column, figures: Sequence[Figure | None]) -> str | None:
    """The best mean of at least two, as it is shown."""
    there = [one for one in figures if one is not None]
    if column.best == "none" or len(there) < 2:
        return None
    choose = max if column.best == "high" else min
    return _mean(choose(there, key=lambda one: one.mean), column)


def _plain_tables(suite: Suite, found: Collected) -> Iterable[Table]:
    """A table for each task that has results: the top-level figures that are no options."""
    for task in suite.tasks:
        cells = [one for one in found.cells if one.task.name == task.name and one.name in found.results]
        if not cells:
            continue
        files = found.results[cells[0].name]
        options = {*cells[0].command.spellings, *cells[0].command.spellings.values()}
        columns = tuple(
            Column(name=name, task=task.name, metric=name, file=file, scale=1.0, digits=4)
            for file, content in files.items()
            for name, value in content.items()
            if isinstance(value, float) and name not in options
        )
        if columns:
            yield Table(title=task.name, columns=columns)
