"""What `train-ssl sweep` will do, checked by the commands that will do it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .eval_ssl.suite import list_checked_cells
from .eval_ssl.task_commands import describe_command, find_command

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
    """A sweep, all of it checked.

    Args:
        experiment: it.
        output: folder of the sweep, absolute.
        places: what stands for names in braces.
        seeds: of the trainings.
        smoke: whether all is small.
        trainings: of all arms.
        suite: of the evaluations.
        absent: why a task of the file is not in the suite, by its name.
    """

    experiment: Experiment
    output: Path
    places: Mapping[str, str]
    seeds: Sequence[int]
    smoke: bool
    trainings: list[Training]
    suite: Suite
    absent: dict[str, str]

    def notes(self) -> list[str]:
        """What a reader of the report should know, a sentence each."""
        from maskgen.trainers.experiments.trainings import find_alike

        return [
            f"At smoke size these arms train alike, as sizes take the place of what they differ in: {names}."
            for names in (", ".join(one) for one in find_alike(self.trainings))
            if self.smoke
        ]

    def cells(self) -> list[Cell]:
        """All evaluations; their settings hold what the trainings' weights are now."""
        from maskgen.trainers.evaluations.suite.cells import list_cells
        from maskgen.trainers.evaluations.suite.folder import weights_mark

        file, base = self.experiment.path, Path.cwd()
        find = functools.partial(find_command, base=base, where=str(file))
        return list_cells(self.suite, find, lambda one: weights_mark(one.source, base), str(file))


def make_plan(
    experiment: Experiment,
    output: Path,
    places: Mapping[str, str],
    seeds: Sequence[int],
    *,
    smoke: bool,
    check: bool = True,
) -> Plan:
    """The trainings and evaluations of an experiment.

    Args:
        experiment: it.
        output: folder of the sweep.
        places: what stands for names in braces.
        seeds: of the trainings.
        smoke: whether all is small.
        check: whether what a command would refuse is refused here.

    Raises:
        UsageError: naming the file, the arm or task, and what is wrong.
    """
    from maskgen.trainers.experiments.suite import as_suite, left_out
    from maskgen.trainers.experiments.trainings import list_trainings

    file, base, output = experiment.path, Path.cwd(), output.absolute()
    find = functools.partial(find_method, base=base, where=str(file))
    trainings = list_trainings(experiment, find, places, seeds=seeds, smoke=smoke)
    suite = as_suite(experiment, output, places, seeds, smoke=smoke)
    if check:
        for one in trainings[: len(experiment.arms)]:
            _check_training(one, f"{file}: arm {one.arm.name!r}")
        list_checked_cells(suite, base, file)
    absent = left_out(experiment, places, smoke=smoke)
    return Plan(experiment, output, places, seeds, smoke, trainings, suite, absent)


def _check_training(one: Training, where: str) -> None:
    try:
        one.command.check({**one.options, "preset": one.arm.preset, "output": "."})
    except UsageError as error:
        raise UsageError(error.what, where=where, cause=error.cause, remedy=error.remedy) from error
