"""`eval-ssl suite`."""

from __future__ import annotations

import functools
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from maskgen.config.options import ExistingFile, option
from maskgen.errors import EXIT_DONE, UsageError

from ..many import ManyOptions, check_room, refuse_ranks, run_jobs, settle_changed, tell_end, tell_work
from ..options import Spelling, click_command, nested
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
    many: ManyOptions = nested(ManyOptions)


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
    from maskgen.trainers.evaluations.suite.run import task_words
    from maskgen.trainers.evaluations.suite.spec import read_suite

    refuse_ranks("eval-ssl suite")
    many = options.many
    check_room(many)
    suite = read_suite(options.suite)
    cells = list_checked_cells(suite, options.suite.resolve().parent, options.suite)
    if many.dry_run:
        tell_work(_folders(cells, many.output), "eval-ssl", task_words)
        return EXIT_DONE
    make_folder(many.output)
    with folder_lock(many.output, lambda: echo_err("eval-ssl: another suite works here: waiting for it")):
        return _run(suite, cells, options)


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


def _folders(cells: list[Cell], output: Path) -> list[CellFolder]:
    from maskgen.trainers.evaluations.suite.folder import CellFolder

    return [CellFolder(cell, output.resolve()) for cell in cells]


def _run(suite: Suite, cells: list[Cell], options: SuiteOptions) -> int:
    from maskgen.trainers.evaluations.suite.report import write_report
    from maskgen.trainers.evaluations.suite.run import CellJob

    many = options.many
    folders = _folders(cells, many.output)
    settle_changed(folders, again=many.changed == "again")
    left = [one for one in folders if not one.is_done()]
    echo_err(f"eval-ssl: {len(left)} of {len(folders)} to do")
    failed = run_jobs([CellJob(one) for one in left], many, options.suite.resolve().parent)
    problems = write_report(suite, cells, many.output, failed)
    return tell_end("eval-ssl", failed, len(folders), problems, many.output / "report.html")
