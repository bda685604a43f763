"""An experiment's file, read and checked: every name in it leads somewhere, every arm has its figure."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskgen.errors import UsageError

from ..evaluations.suite.sections import check_names, known, read_section
from ..evaluations.suite.sheets import check_axis, check_count, check_sheet
from ..presets import find_preset
from .based import refuse_own, with_base
from .places import check_places
from .spec import Arm, ArmPlot, ArmTable, Experiment

OTHERS = ("training", "features")
"""Folders beside those of a training's tasks."""


def read_experiment(path: Path) -> Experiment:
    """The experiment of a TOML file, all of whose names lead somewhere.

    Args:
        path: the file.

    Raises:
        UsageError: it cannot be read; a key, preset or name is mistaken (the nearest is named) or comes
            twice; an arm has no published figure though there is a paper.
    """
    where = str(path)
    raw, found = _read_alone(path)
    if found.base:
        refuse_own(raw, where)
        found = with_base(found, _read_base(path.parent / found.base, where))
    check_names("arm", [one.name for one in found.arms], where)
    check_names("task", [one.name for one in found.tasks], where)
    _check_tasks(found, where)
    if not found.tables:
        raise UsageError(
            "the file has no table", where=where, remedy="add a [[table]] with a row for each arm"
        )
    if not found.seeds or len(set(found.seeds)) < len(found.seeds):
        raise UsageError("a seed comes twice, or there is none", where=where, remedy="name each seed once")
    for arm in found.arms:
        _check_preset(arm, f"{where}: arm {arm.name!r}")
    for table in found.tables:
        _check_table(found, table, f"{where}: table {table.title!r}")
    for plot in found.plots:
        _check_plot(found, plot, f"{where}: plot {plot.title!r}")
    for arm in found.arms:
        _check_figures(found, arm, f"{where}: arm {arm.name!r}")
    check_places(found)
    return found


def _read_alone(path: Path) -> tuple[dict[str, Any], Experiment]:
    """What a file says, as TOML and as an experiment, before its base is looked at."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            "cannot read the experiment", where=str(path), cause=str(error), remedy="mend the TOML file"
        ) from error
    return raw, replace(read_section(Experiment, raw, str(path)), path=path)


def _read_base(path: Path, where: str) -> Experiment:
    _, alone = _read_alone(path)
    if alone.base:  # it may name itself
        raise UsageError(
            f"the base {path.name} judges another's trainings itself",
            where=where,
            remedy=f"name {alone.base}",
        )
    return read_experiment(path)


def _check_tasks(found: Experiment, where: str) -> None:
    for task in found.tasks:
        if task.name in OTHERS:
            raise UsageError(
                f"a task cannot be called {task.name!r}",
                where=where,
                cause="a folder beside it has this name",
                remedy="name it otherwise",
            )


def _check_preset(arm: Arm, where: str) -> None:
    try:
        find_preset(arm.method, arm.preset)
    except UsageError as error:
        raise UsageError(error.what, where=where, remedy=error.remedy) from error


def _check_table(found: Experiment, table: ArmTable, where: str) -> None:
    check_sheet(table, table.rows, [task.name for task in found.tasks], where)
    if found.paper and not table.source:
        raise UsageError(
            "the table does not say where its figures are from",
            where=where,
            remedy='add source = "Table 1", or leave paper out',
        )
    for row in table.rows:
        if row.arm:
            known(row.arm, [arm.name for arm in found.arms], "arm", where)


def _check_plot(found: Experiment, plot: ArmPlot, where: str) -> None:
    check_axis(plot, [task.name for task in found.tasks], where)
    if not plot.lines:
        raise UsageError("the plot has no line", where=where, remedy="add a [[plot.line]]")
    for line in plot.lines:
        for arm in line.arms:
            known(arm, [one.name for one in found.arms], "arm", where)
        if line.arms:
            check_count(plot, line.name, len(line.arms), where, one=True)
        if line.published or not line.arms:
            check_count(plot, line.name, len(line.published), where)
        if any(one != "" and not isinstance(one, int | float) for one in line.published):
            raise UsageError(
                f"the line {line.name!r} has a published figure that is no number",
                where=where,
                remedy='give numbers, "" where there is none',
            )
    if not plot.source and any(line.published for line in plot.lines):
        raise UsageError(
            "the plot does not say where its figures are from", where=where, remedy='add source = "Figure 1"'
        )


def _check_figures(found: Experiment, arm: Arm, where: str) -> None:
    """An arm without a row would be trained in vain, and one without a figure has nothing beside it."""
    rows = [row for table in found.tables for row in table.rows if row.arm == arm.name]
    if not rows:
        raise UsageError(
            "no table has a row of this arm", where=where, remedy=f'add one with arm = "{arm.name}"'
        )
    if found.paper and not any(figure != "" for row in rows for figure in row.published):
        raise UsageError(
            "the arm has no published figure",
            where=where,
            remedy="add published = [...] to its row; leave paper out where nobody has published the table",
        )
