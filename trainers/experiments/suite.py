"""The evaluations of an experiment as a suite of `eval-ssl`: its checkpoints are the trainings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from math import nan
from pathlib import Path
from typing import Any

from ..evaluations.suite.sheets import AnyPlot
from ..evaluations.suite.spec import Checkpoint, Curve, Plot, Row, Suite, Table, Task
from .places import fill_places, names_in
from .spec import ArmLine, ArmPlot, ArmTable, Evaluation, Experiment
from .trainings import training_name

RUN = "training/run"
"""Where the training is in a training's folder."""
SMALL = "smoke size: the figures mean nothing"


def as_suite(
    experiment: Experiment, output: Path, places: Mapping[str, str], seeds: Sequence[int], *, smoke: bool
) -> Suite:
    """The suite that judges all trainings; without the tasks whose data were not given.

    Args:
        experiment: it.
        output: folder of the sweep.
        places: what stands for names in braces.
        seeds: of the trainings.
        smoke: whether all is small.
    """
    left = left_out(experiment, places, smoke=smoke)
    checkpoints = tuple(
        Checkpoint(name=name, source=str(output / name / RUN))
        for arm in experiment.arms
        for name in (training_name(arm.name, seed) for seed in seeds)
    )
    tasks = tuple(
        Task(
            name=one.name,
            command=one.command,
            seeds=one.seeds,
            options=fill_places(_options(one, smoke), places),
        )
        for one in experiment.tasks
        if one.name not in left
    )
    return Suite(
        title=f"{experiment.title} ({SMALL})" if smoke else experiment.title,
        defaults=fill_places(experiment.defaults, places),
        checkpoints=checkpoints,
        tasks=tasks,
        tables=tuple(_table(experiment, table, seeds) for table in experiment.tables),
        plots=tuple(_plot(plot, seeds) for plot in experiment.plots),
    )


def left_out(experiment: Experiment, places: Mapping[str, str], *, smoke: bool) -> dict[str, str]:
    """Why a task cannot be done, by its name: its data were not given, or those of a task it needs.

    Args:
        experiment: it.
        places: those that were given.
        smoke: whether all is small.
    """
    missing = {
        one.name: names_in(_options(one, smoke)) | _default_names(experiment, one) for one in experiment.tasks
    }
    left = {
        name: f"--data {absent[0]}=PLACE was not given: {experiment.data[absent[0]]}"
        for name, names in missing.items()
        if (absent := sorted(names - places.keys()))
    }
    for _ in experiment.tasks:
        for one in experiment.tasks:
            lost = [name for name in _uses(_options(one, smoke)) if name in left]
            if lost and one.name not in left:
                left[one.name] = f"it needs the task {lost[0]}: {left[lost[0]]}"
    return left


def _default_names(experiment: Experiment, task: Evaluation) -> set[str]:
    """The places of those defaults that a task does not replace."""
    own = {key.replace("-", "_") for key in task.options}
    return names_in(
        {key: one for key, one in experiment.defaults.items() if key.replace("-", "_") not in own}
    )


def used_tasks(task: Evaluation) -> list[str]:
    """The tasks whose files a task takes, at full size or at smoke size."""
    return _uses(task.options) + _uses(task.smoke)


def _uses(options: Mapping[str, Any]) -> list[str]:
    """The tasks whose files an option names, as `suite.cells` reads them."""
    heads = [str(options["head"])] if isinstance(options.get("head"), str) else []
    return heads + [str(one["task"]) for one in options.values() if isinstance(one, dict) and "task" in one]


def _options(task: Evaluation, smoke: bool) -> dict[str, Any]:
    return {**task.options, **task.smoke} if smoke else task.options


def _table(experiment: Experiment, table: ArmTable, seeds: Sequence[int]) -> Table:
    rows = tuple(
        Row(
            name=row.name,
            checkpoints=tuple(training_name(row.arm, seed) for seed in seeds) if row.arm else (),
            published=row.published,
        )
        for row in table.rows
    )
    source = "; ".join(part for part in (experiment.paper, table.source) if part)
    return Table(title=table.title, source=source, columns=table.columns, rows=rows)


def _plot(plot: ArmPlot, seeds: Sequence[int]) -> Plot:
    shared = {one.name: getattr(plot, one.name) for one in fields(AnyPlot)}
    return Plot(**shared, lines=tuple(curve for line in plot.lines for curve in _curves(line, seeds)))


def _curves(line: ArmLine, seeds: Sequence[int]) -> Iterator[Curve]:
    """Ours, and the published figures beside it."""
    if line.arms:
        groups = tuple([training_name(arm, seed) for seed in seeds] for arm in line.arms)
        yield Curve(name=line.name, checkpoints=groups)
    if line.published:
        figures = tuple(nan if one == "" else float(one) for one in line.published)
        name = f"{line.name}, published" if line.arms else line.name
        yield Curve(name=name, y=figures, beside=line.name if line.arms else "")
