"""`train-ssl sweep`."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .eval_ssl.suite import list_checked_cells
from .eval_ssl.task_commands import describe_command

if TYPE_CHECKING:
    from maskgen.trainers.evaluations.suite.cells import Cell
    from maskgen.trainers.evaluations.suite.commands import TaskCommand
    from maskgen.trainers.evaluations.suite.spec import Suite
    from maskgen.trainers.experiments.spec import Experiment
    from maskgen.trainers.experiments.trainings import Training


def find_method(name: str, base: Path, where: str) -> TaskCommand:
    """A method of `train-ssl` as an experiment sees it.

    Args:
        name: of the method.
        base: folder that relative paths start from.
        where: the experiment stands, for errors.
    """
    from maskgen.trainers.experiments.trainings import ELSEWHERE, OWN

    from .options import make_command
    from .train_options import TrainOptions

    command = make_command(name, TrainOptions, lambda _: None, "")
    return describe_command(command, f"train-ssl {name}", base, where, own=OWN, elsewhere=ELSEWHERE)


@dataclass(frozen=True, eq=False)
class Plan:
    """What a sweep consists of, all of it checked.

    Args:
        experiment: it.
        trainings: of all arms.
        suite: of the evaluations.
        cells: of the suite.
    """

    experiment: Experiment
    trainings: list[Training]
    suite: Suite
    cells: list[Cell]


def make_plan(
    experiment: Experiment, output: Path, places: dict[str, str], seeds: tuple[int, ...], *, smoke: bool
) -> Plan:
    """The trainings and evaluations of an experiment, whose options their commands accept.

    Args:
        experiment: it.
        output: folder of the sweep, absolute.
        places: what stands for names in braces.
        seeds: of the trainings.
        smoke: whether all is small.

    Raises:
        UsageError: naming the file, the arm or task, and what is wrong.
    """
    from maskgen.trainers.experiments.suite import as_suite
    from maskgen.trainers.experiments.trainings import list_trainings

    file, base = experiment.path, Path.cwd()
    find = functools.partial(find_method, base=base, where=str(file))
    trainings = list_trainings(experiment, find, places, seeds=seeds, smoke=smoke)
    for one in trainings[: len(experiment.arms)]:
        _check_training(one, f"{file}: arm {one.arm.name!r}")
    suite = as_suite(experiment, output, places, seeds, smoke=smoke)
    return Plan(experiment, trainings, suite, list_checked_cells(suite, base, file))


def _check_training(one: Training, where: str) -> None:
    try:
        one.command.check({**one.options, "preset": one.arm.preset, "output": "."})
    except UsageError as error:
        raise UsageError(error.what, where=where, cause=error.cause, remedy=error.remedy) from error
