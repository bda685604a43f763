"""`eval-ssl suite`."""

from __future__ import annotations

import functools
import shlex
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from maskgen.config.bounds import at_least
from maskgen.config.options import ExistingFile, NewFolder, option
from maskgen.errors import EXIT_DONE, EXIT_FAULTS, UsageError

from ..options import Spelling, click_command
from ..terminal import echo_err
from .task_commands import find_command

if TYPE_CHECKING:
    from maskgen.trainers.evaluations.suite.cells import Cell
    from maskgen.trainers.evaluations.suite.folder import CellFolder
    from maskgen.trainers.evaluations.suite.spec import Suite


@dataclass(frozen=True, kw_only=True)
class SuiteOptions:
    """Options of `eval-ssl suite`."""

    suite: Annotated[ExistingFile, Spelling(argument=True)] = option(MISSING, "The TOML file.")
    output: NewFolder = option(MISSING, "Folder of all results and of the report.", group="output")
    changed: str = option(
        "refuse",
        "What to do with results of other settings: refuse them, or run their tasks again.",
        group="safety",
        choices=("refuse", "again"),
    )
    dry_run: bool = option(False, "Only say what would be done, with each command.", group="output")
    devices: str = option(
        "cpu", "Where the tasks run: cpu, cuda, or GPUs such as cuda:0,cuda:1.", group="machine"
    )
    jobs: int = option(1, "Tasks at once on each device.", group="machine", bounds=at_least(1))


@click_command("suite", SuiteOptions)
def command(options: SuiteOptions) -> int:
    """Run the tasks of a TOML file on its checkpoints with its seeds; the same command goes on.

    Each task is a process of its own, in the folder of the file; its results, its log and what it resumes
    from are in OUTPUT/CHECKPOINT/TASK/seed-N. The report is written at the end, whatever has failed:
    report.json, report.md and report.html.

    Exit status: 0 done; 1 tasks have failed, or tables ask for figures that there are not; 2 usage; 75
    interrupted by a signal.
    """
    from maskgen.io.atomic import folder_lock, make_folder
    from maskgen.trainers.evaluations.suite.spec import read_suite

    devices = _devices(options.devices)
    suite = read_suite(options.suite)
    cells = list_checked_cells(suite, options.suite.resolve().parent, options.suite)
    if options.dry_run:
        return _tell(cells, options)
    make_folder(options.output)
    with folder_lock(options.output, lambda: echo_err("eval-ssl: another suite works here: waiting for it")):
        return _run(suite, cells, options, devices)


def _devices(text: str) -> list[str]:
    devices = [part.strip() for part in text.split(",") if part.strip()]
    for one in devices:
        kind, _, number = one.partition(":")
        if kind not in ("cpu", "cuda") or (number and (kind == "cpu" or not number.isdecimal())):
            raise UsageError(f"--devices got {one!r}", remedy="name cpu, cuda, or GPUs such as cuda:0,cuda:1")
    return devices or ["cpu"]


def list_checked_cells(suite: Suite, base: Path, file: Path) -> list[Cell]:
    """All cells, whose options their commands accept.

    Args:
        suite: it.
        base: folder that relative paths start from.
        file: that the suite is from.

    Raises:
        UsageError: naming the file and the task.
    """
    from maskgen.trainers.evaluations.suite.cells import list_cells
    from maskgen.trainers.evaluations.suite.folder import weights_mark

    find = functools.partial(find_command, base=base, where=str(file))
    cells = list_cells(suite, find, lambda one: weights_mark(one.source, base), str(file))
    for cell in {(cell.task.name): cell for cell in cells}.values():
        own = {"checkpoint": cell.checkpoint.source, "output": "."}
        used = {key: str(file.resolve() if use.file else base) for key, use in cell.uses.items()}
        try:
            cell.command.check({**own, **cell.options, **used})
        except UsageError as error:
            place = f"{file}: task {cell.task.name!r}"
            raise UsageError(error.what, where=place, cause=error.cause, remedy=error.remedy) from error
    return cells


def _folders(cells: list[Cell], options: SuiteOptions) -> list[CellFolder]:
    from maskgen.trainers.evaluations.suite.folder import CellFolder

    return [CellFolder(cell, options.output.resolve()) for cell in cells]


def _tell(cells: list[Cell], options: SuiteOptions) -> int:
    """What each cell is at, and its command."""
    from maskgen.trainers.evaluations.suite.run import task_words

    for one in _folders(cells, options):
        changes = one.changes()
        state = "changed" if changes else "done" if one.is_done() else "to do"
        click.echo(f"{state:8} {one.cell.name}")
        for line in changes:
            click.echo(f"         {line}")
        if state != "done":
            click.echo(f"         eval-ssl {shlex.join(task_words(one))}")
    return EXIT_DONE


def _run(suite: Suite, cells: list[Cell], options: SuiteOptions, devices: list[str]) -> int:
    from maskgen.trainers.evaluations.suite.report import write_report
    from maskgen.trainers.evaluations.suite.run import SuiteRun, find_places, launch_process

    folders = _folders(cells, options)
    _settle_changed(folders, again=options.changed == "again")
    left = [one for one in folders if not one.is_done()]
    echo_err(f"eval-ssl: {len(left)} of {len(folders)} to do")
    launch = functools.partial(launch_process, options.suite.resolve().parent)
    stop = click.get_current_context().obj
    run = SuiteRun(left, find_places(devices, options.jobs), launch, echo_err, stop)
    run.run()
    problems = write_report(suite, cells, options.output, run.failed)
    for name, why in run.failed.items():
        echo_err(f"eval-ssl: {name}: {why}")
    for problem in problems:
        echo_err(f"eval-ssl: {problem}")
    if run.failed:
        counted = f"{len(run.failed)} of {len(folders)} failed"
        echo_err(f"eval-ssl: {counted}; run the same command again to try them again")
    echo_err(f"eval-ssl: the report is {options.output / 'report.html'}")
    return EXIT_FAULTS if run.failed or problems else EXIT_DONE


def _settle_changed(folders: list[CellFolder], *, again: bool) -> None:
    """Refuse results of other settings, or remove them."""
    from maskgen.trainers.evaluations.suite.folder import AGAIN

    changed = [(one, lines) for one in folders if (lines := one.changes())]
    if changed and not again:
        told = "".join(f"\n    {one.cell.name}: {line}" for one, lines in changed[:5] for line in lines)
        more = f"\n    and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise UsageError(
            f"{len(changed)} of {len(folders)} cells were made with other settings:{told}{more}", remedy=AGAIN
        )
    for one, _ in changed:
        one.clear()
