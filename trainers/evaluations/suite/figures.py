"""Figures of results: where they stand, their mean over seeds and trainings, and its standard error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from .cells import Cell

Results = Mapping[str, Mapping[str, Any]]
"""The JSON files of each cell that is done, by the cell's name."""


@dataclass(frozen=True)
class Figure:
    """A mean of n values.

    Args:
        values: of the trainings, each the mean of its seeds; of the seeds if there is one training.
        mean: of them.
        sem: the standard error of the mean; None of one value.
    """

    values: tuple[float, ...]
    mean: float
    sem: float | None


def summarize(groups: Sequence[Sequence[float]]) -> Figure | None:
    """Mean and standard error over trainings, or over the seeds of the only one.

    The seeds of one training are no independent trainings: of several trainings each counts once, by the mean
    of its seeds. The standard error is s / sqrt(n) with s of n - 1 degrees of freedom.

    Args:
        groups: the values of each training's seeds; empty groups do not count.

    Returns:
        None: there are no values.

    Example:
        >>> from maskgen.trainers.evaluations.suite.figures import summarize
        >>> found = summarize([[0.6, 0.7, 0.8]])
        >>> round(found.mean, 3), round(found.sem, 4)
        (0.7, 0.0577)
        >>> summarize([[0.6, 0.8], [0.9]]).values
        (0.7, 0.9)
    """
    groups = [group for group in groups if group]
    values = tuple(groups[0]) if len(groups) == 1 else tuple(fmean(group) for group in groups)
    if not values:
        return None
    sem = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return Figure(values, fmean(values), sem)


def find_figure(files: Mapping[str, Any], command: str, file: str, metric: str, where: str) -> float:
    """A figure of a cell's result.

    Args:
        files: the result's JSON files by name.
        command: of the task; ``COMMAND.json`` is meant where several files are there.
        file: its name; empty for the only file, or that of the command.
        metric: keys with dots between them; a key may have dots itself.
        where: the cell, for errors.

    Raises:
        UsageError: there is no such file or figure; the nearest is named.
    """
    name = file or (next(iter(files)) if len(files) == 1 else f"{command}.json")
    if name not in files:
        raise UsageError(f"the result has no file {name!r}", where=where, remedy=nearest(name, files))
    found = _follow(files[name], metric.split("."), where)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise UsageError(
            f"{metric} is no number, but {found!r}"[:200], where=where, remedy="name a figure below it: a.b"
        )
    return float(found)


def _follow(value: Any, keys: Sequence[str], where: str) -> Any:
    if not keys:
        return value
    if isinstance(value, list) and keys[0].isdecimal() and int(keys[0]) < len(value):
        return _follow(value[int(keys[0])], keys[1:], where)
    if isinstance(value, dict):
        for count in range(len(keys), 0, -1):
            key = ".".join(keys[:count])
            if key in value:
                return _follow(value[key], keys[count:], where)
        raise UsageError(f"the result has no {keys[0]!r}", where=where, remedy=nearest(keys[0], value))
    raise UsageError(
        f"the result has nothing below {keys[0]!r}", where=where, remedy="name the figure itself"
    )


@dataclass(frozen=True, eq=False)
class Collected:
    """All results of a suite, and what was asked of them in vain.

    Args:
        cells: all.
        results: of those that are done.
        problems: filled as figures are asked for.
    """

    cells: Sequence[Cell]
    results: Results
    problems: list[str]

    def figure(self, checkpoints: Sequence[str], task: str, file: str, metric: str) -> Figure | None:
        """The mean of a figure over checkpoints and seeds; None where nothing is done."""
        return summarize([self._values(name, task, file, metric) for name in checkpoints])

    def _values(self, checkpoint: str, task: str, file: str, metric: str) -> list[float]:
        values = []
        for cell in self.cells:
            if (cell.checkpoint.name, cell.task.name) == (checkpoint, task) and cell.name in self.results:
                try:
                    values.append(
                        find_figure(self.results[cell.name], cell.command.name, file, metric, cell.name)
                    )
                except UsageError as error:
                    self.problems.append(str(error).replace("\n ", ""))
        return values
