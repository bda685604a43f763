"""A file that judges the trainings of another: arms and settings are that one's, tasks and tables its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from maskgen.errors import UsageError

from ..evaluations.suite.sections import known
from .places import names_in, training_names
from .spec import Evaluation, Experiment
from .suite import used_tasks

OF_BASE = ("seeds", "training", "smoke", "defaults", "arm")
"""Keys that a file with a base does not have: they say what the trainings are."""


def refuse_own(raw: Mapping[str, Any], where: str) -> None:
    """Refuse a file that changes the trainings of its base.

    Args:
        raw: the file as it was read.
        where: it stands.

    Raises:
        UsageError: naming the key.
    """
    for key in OF_BASE:
        if key in raw:
            raise UsageError(
                f"the file has {key!r} beside base",
                where=where,
                cause="it judges the trainings of its base as they are",
                remedy="drop it, or base",
            )


def with_base(own: Experiment, base: Experiment) -> Experiment:
    """The experiment of a file with the trainings of its base: those that its tables and plots show.

    Of the base's tasks those stay that its own tasks and figures need, such as the one that trains the head.

    Args:
        own: as its file says it.
        base: the experiment of ``base``.

    Raises:
        UsageError: a row names an arm that the base has not, or a task is called as one of the base's.
    """
    where = str(own.path)
    shown = {row.arm for table in own.tables for row in table.rows if row.arm}
    shown |= {arm for plot in own.plots for line in plot.lines for arm in line.arms}
    for name in sorted(shown):
        known(name, [arm.name for arm in base.arms], "arm of the base", where)
    for task in own.tasks:
        if task.name in [one.name for one in base.tasks]:
            raise UsageError(
                f"the base has a task {task.name!r} too", where=where, remedy="name the own one otherwise"
            )
    figures = {column.task for table in own.tables for column in table.columns}
    figures |= {plot.task for plot in own.plots}
    needed = _needed(
        {one.name: one for one in (*base.tasks, *own.tasks)}, figures | {t.name for t in own.tasks}
    )
    made = replace(
        base,
        title=own.title,
        paper=own.paper,
        arms=tuple(arm for arm in base.arms if arm.name in shown),
        tasks=tuple(one for one in base.tasks if one.name in needed) + own.tasks,
        tables=own.tables,
        plots=own.plots,
        path=own.path,
        base=own.base,
    )
    used = training_names(made) | names_in([[one.options, one.smoke] for one in made.tasks])
    used |= names_in(made.defaults)
    return replace(made, data={name: one for name, one in base.data.items() if name in used} | own.data)


def _needed(tasks: Mapping[str, Evaluation], names: Iterable[str]) -> set[str]:
    """Those names, and all whose files they take."""
    found, left = set[str](), list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += used_tasks(tasks[name]) if name in tasks else []
    return found
