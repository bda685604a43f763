"""What an experiment's file says: arms, each a training, their evaluations, and the published table."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any

from maskgen.config.bounds import at_least
from maskgen.config.options import option

from ..evaluations.suite.sections import FREE_ARRAY, FREE_TABLE, one_table, section
from ..evaluations.suite.sheets import AnyPlot, AnyRow, AnyTable


@dataclass(frozen=True, kw_only=True)
class Changes:
    """``[training]`` and ``[smoke]``: options of `train-ssl METHOD`, and settings on top of the preset."""

    options: dict[str, Any] = field(default_factory=dict, metadata=FREE_TABLE)
    settings: dict[str, Any] = field(default_factory=dict, metadata=FREE_TABLE)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """``[[arm]]``: one training, which each seed repeats."""

    name: str = option(MISSING, "Of its folder.")
    method: str = option(MISSING, "As of train-ssl METHOD.")
    preset: str = option(MISSING, "As --preset.")
    recipe: str = option("", "As --recipe; a .toml file beside the experiment's.")
    settings: dict[str, Any] = field(default_factory=dict, metadata=FREE_TABLE)
    options: dict[str, Any] = field(default_factory=dict, metadata=FREE_TABLE)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """``[[task]]``: a task of `eval-ssl` that judges every training."""

    name: str = option(MISSING, "Of its folders.")
    command: str = option(MISSING, "A task of eval-ssl.")
    seeds: tuple[int, ...] = option((0,), "Of the task, for each training.", bounds=at_least(0))
    options: dict[str, Any] = field(default_factory=dict, metadata=FREE_TABLE)
    smoke: dict[str, Any] = field(default_factory=dict, metadata=FREE_TABLE)


@dataclass(frozen=True, kw_only=True)
class ArmRow(AnyRow):
    """``[[table.row]]``: an arm, and what was published of it; or what was published only."""

    arm: str = option("", "The name of an arm.")


@dataclass(frozen=True, kw_only=True)
class ArmTable(AnyTable):
    """``[[table]]``: the table as the paper has it."""

    rows: tuple[ArmRow, ...] = section(ArmRow, "row")


@dataclass(frozen=True, kw_only=True)
class ArmLine:
    """``[[plot.line]]``: arms over the places, and what was published of them."""

    name: str = option(MISSING, "Written at its end.")
    arms: tuple[str, ...] = option((), "Names, one for each place, or one for all.")
    published: tuple[Any, ...] = field(default=(), metadata=FREE_ARRAY)


@dataclass(frozen=True, kw_only=True)
class ArmPlot(AnyPlot):
    """``[[plot]]``: lines or bars, each point the mean over the seeds with its standard error."""

    lines: tuple[ArmLine, ...] = section(ArmLine, "line")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """An experiment's file.

    Args:
        title: of the report.
        paper: whose figures are beside ours: authors, title and address; empty: nobody has published it.
        base: another file beside this one, whose trainings this one judges.
        seeds: of the trainings.
        data: what each place is that ``--data`` gives, by the name that stands in braces elsewhere.
        training: options and settings of all arms.
        smoke: likewise, over those of the arms, with ``--smoke``.
        defaults: options of all tasks that know them.
        arms: at least one.
        tasks: at least one.
        tables: at least one; each arm has a row.
        plots: of the same arms.
        path: of the file.
    """

    title: str = option(MISSING, "Of the report.")
    paper: str = option("", "Authors, title, address.")
    base: str = option("", "Another experiment's file beside this one, whose trainings it judges.")
    seeds: tuple[int, ...] = option((0,), "Of the trainings.", bounds=at_least(0))
    data: dict[str, Any] = field(default_factory=dict, metadata=FREE_TABLE)
    training: Changes = field(default_factory=Changes, metadata=one_table(Changes))
    smoke: Changes = field(default_factory=Changes, metadata=one_table(Changes))
    defaults: dict[str, Any] = field(default_factory=dict, metadata=FREE_TABLE)
    arms: tuple[Arm, ...] = section(Arm, "arm")
    tasks: tuple[Evaluation, ...] = section(Evaluation, "task")
    tables: tuple[ArmTable, ...] = section(ArmTable, "table")
    plots: tuple[ArmPlot, ...] = section(ArmPlot, "plot")
    path: Path = Path()

    @property
    def report(self) -> str:
        """Name of its report's files: one that judges another's trainings is written beside that one's."""
        return f"report-{self.path.stem}" if self.base else "report"
