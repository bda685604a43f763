"""`train-ssl sweep`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from ..config.bounds import at_least
from ..config.options import ExistingFile, option
from ..config.suggest import nearest
from ..errors import EXIT_DONE, UsageError
from ..io.atomic import folder_lock, make_folder, write_atomic
from ..processes.jobs import Job
from .many import ManyOptions, check_room, refuse_ranks, run_jobs, settle_changed, tell_end, tell_work
from .options import Spelling, click_command, nested
from .sweep_plan import Plan, make_plan
from .terminal import echo_err, require_package

if TYPE_CHECKING:
    from maskgen.trainers.evaluations.suite.folder import CellFolder
    from maskgen.trainers.evaluations.suite.run import CellJob
    from maskgen.trainers.experiments.run import TrainingFolder
    from maskgen.trainers.experiments.spec import Experiment

RECORD = "sweep.json"
"""What a report needs to know of the sweep that was run last: ``sweep.json``, or of a file with a base
``sweep-FILE.json``.
"""


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """Options of `train-ssl sweep`."""

    file: Annotated[ExistingFile, Spelling(argument=True)] = option(
        MISSING, "An experiment, a .toml file such as experiments/ryali/table1.toml."
    )
    data: Annotated[tuple[str, ...], Spelling(metavar="NAME=PLACE")] = option(
        (),
        "Where something of the file's [data] lies; once for each. What only evaluations need may be left "
        "out with these.",
        group="data",
    )
    many: ManyOptions = nested(ManyOptions)
    smoke: bool = option(
        False, "Small networks and pictures, few epochs: shows that all of it runs.", group="settings"
    )
    seeds: int = option(
        0, "How many seeds.  [default: those of the file]", group="settings", bounds=at_least(0)
    )
    arms: str = option("", "Names of arms with commas between them.  [default: all]", group="settings")
    devices_per_training: int = option(
        1,
        "Train each arm on so many devices at once, through torchrun; its batch is divided among them.",
        group="machine",
        bounds=at_least(1),
    )
    report: bool = option(False, "Only write and print the report of what is in --output.", group="output")


@click_command("sweep", SweepOptions)
def command(options: SweepOptions) -> int:
    """Run all trainings of FILE and their evaluations, and print its table; the same command goes on.

    Each training is a process of its own, with its log, in OUTPUT/ARM/seed-N/training, and so is each
    evaluation, in OUTPUT/ARM/seed-N/TASK/seed-N; it begins when its training has ended. The report has the
    mean and its standard error over the seeds, beside the published figures: report.json, report.md and
    report.html.

    Exit status: 0 done; 1 trainings or evaluations have failed; 2 usage; 75 interrupted by a signal.
    """
    from maskgen.trainers.experiments.read import read_experiment

    experiment = read_experiment(options.file)
    if options.report:
        return _report(experiment, options.many.output)
    refuse_ranks("train-ssl sweep")
    check_room(options.many, options.devices_per_training)
    plan = _plan(experiment, options)
    trainings = _chosen(plan, options.arms)
    if options.many.dry_run:
        return _tell(plan, trainings)
    require_package("torch")
    make_folder(plan.output)
    with folder_lock(plan.output, lambda: echo_err("train-ssl: another sweep works here: waiting for it")):
        return _run(plan, trainings, options)


def _plan(experiment: Experiment, options: SweepOptions) -> Plan:
    from maskgen.trainers.experiments.places import check_training_places, parse_places
    from maskgen.trainers.experiments.trainings import choose_seeds

    places = parse_places(options.data, experiment)
    check_training_places(experiment, places)
    seeds = choose_seeds(experiment, options.seeds)
    return make_plan(experiment, options.many.output, places, seeds, smoke=options.smoke)


def _chosen(plan: Plan, arms: str) -> list[TrainingFolder]:
    """The trainings of the arms that were asked for."""
    from maskgen.trainers.experiments.run import TrainingFolder

    known = [arm.name for arm in plan.experiment.arms]
    names = [name.strip() for name in arms.split(",") if name.strip()] or known
    for name in names:
        if name not in known:
            raise UsageError(f"--arms got {name!r}", remedy=nearest(name, known))
    return [TrainingFolder(one, plan.output) for one in plan.trainings if one.arm.name in names]


def _tell(plan: Plan, trainings: Sequence[TrainingFolder]) -> int:
    from maskgen.trainers.evaluations.suite.run import task_words
    from maskgen.trainers.experiments.run import training_words

    tell_work(trainings, "train-ssl", training_words)
    tell_work(_cells(plan, [one.name for one in trainings]), "eval-ssl", task_words)
    for task, why in plan.absent.items():
        click.echo(f"left out {task}: {why}")
    return EXIT_DONE


def _run(plan: Plan, trainings: Sequence[TrainingFolder], options: SweepOptions) -> int:
    """All trainings, each with its evaluations behind it."""
    from maskgen.trainers.experiments.run import TrainingJob

    many, again = options.many, options.many.changed == "again"
    settle_changed(trainings, again=again)
    settle_changed(_cells(plan, [one.name for one in trainings if one.is_done()]), again=again)
    _keep(plan)
    left = {
        one.name: [TrainingJob(one, options.devices_per_training)] for one in trainings if not one.is_done()
    }
    done = {one.name: _judge(plan, one.name) for one in trainings if one.name not in left}
    count, cells = len(trainings), _cells(plan, [one.name for one in trainings])
    others = sum(cell.cell.checkpoint.name in left for cell in cells)
    echo_err(f"train-ssl: {len(left)} of {count} trainings to do")
    echo_err(f"train-ssl: {sum(map(len, done.values())) + others} of {len(cells)} evaluations to do")
    refused = dict[str, str]()

    def following(job: Job) -> Sequence[Job]:
        return _judge_new(plan, job.name, refused, again=again) if job.name in left else ()

    work = [job for one in trainings for job in (*left.get(one.name, ()), *done.get(one.name, ()))]
    failed = run_jobs(work, many, Path.cwd(), following)
    for cell in cells:
        if (name := cell.cell.checkpoint.name) in failed:
            failed[cell.name] = f"it needs the training {name}, which has failed"
    return _show(plan, failed | refused, count + len(cells))


def _cells(plan: Plan, trainings: Sequence[str]) -> list[CellFolder]:
    """The evaluations of some trainings."""
    from maskgen.trainers.evaluations.suite.folder import CellFolder

    return [CellFolder(cell, plan.output) for cell in plan.cells() if cell.checkpoint.name in trainings]


def _judge(plan: Plan, training: str) -> list[CellJob]:
    """The evaluations of a training that are left."""
    from maskgen.trainers.evaluations.suite.run import CellJob

    return [CellJob(one) for one in _cells(plan, [training]) if not one.is_done()]


def _judge_new(plan: Plan, training: str, refused: dict[str, str], *, again: bool) -> list[CellJob]:
    """Those of a training that has just ended; what is there of other weights is refused or removed.

    Args:
        plan: of the sweep.
        training: its name.
        refused: gets why, by the evaluation's name.
        again: whether results of other settings are removed.
    """
    for one in _cells(plan, [training]):
        try:
            settle_changed([one], again=again)
        except UsageError as error:
            refused[one.name] = f"{error.what}; {error.remedy}"
    return [job for job in _judge(plan, training) if job.name not in refused]


def _keep(plan: Plan) -> None:
    facts = {"data": plan.places, "seeds": plan.seeds, "smoke": plan.smoke}
    write_atomic(plan.output / _record(plan.experiment), (json.dumps(facts, indent=1) + "\n").encode())


def _record(experiment: Experiment) -> str:
    return f"sweep-{experiment.path.stem}.json" if experiment.base else RECORD


def _report(experiment: Experiment, output: Path) -> int:
    """The report of what is done, whatever is missing."""
    try:
        facts = json.loads((output / _record(experiment)).read_text())
        places, seeds, smoke = dict(facts["data"]), tuple(facts["seeds"]), bool(facts["smoke"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "no sweep was run here",
            where=str(output / _record(experiment)),
            cause=str(error),
            remedy="give the --output of a sweep",
        ) from error
    plan = make_plan(experiment, output, places, seeds, smoke=smoke, check=False)
    return _show(plan, {}, 0)


def _show(plan: Plan, failed: Mapping[str, str], count: int) -> int:
    """Write the report, print it, and say what is missing."""
    from maskgen.trainers.evaluations.suite.report import write_report

    name, cells = plan.experiment.report, plan.cells()
    problems = write_report(
        plan.suite, cells, plan.output, failed, absent=plan.absent, notes=plan.notes(), name=name
    )
    click.echo((plan.output / f"{name}.md").read_text().rstrip())
    for task, why in plan.absent.items():
        echo_err(f"train-ssl: the task {task} is left out: {why}")
    return tell_end("train-ssl", failed, count, problems, plan.output / f"{name}.html")
