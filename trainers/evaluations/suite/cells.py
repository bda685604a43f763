"""The cells of a suite, one for each checkpoint, task and seed, in an order in which each can be done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from maskgen.config.fingerprint import digest
from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from .commands import TaskCommand
from .sections import known
from .spec import Checkpoint, Suite, Task

HEAD = "linear.safetensors"
"""The file that is meant where an option `head` names a task."""


@dataclass(frozen=True, eq=False)
class Use:
    """A file that another cell writes, as an option's value.

    Args:
        cell: that writes it.
        file: in its folder; empty for the folder.
    """

    cell: Cell
    file: str


@dataclass(frozen=True, eq=False)
class Cell:
    """One task on one checkpoint with one seed.

    Args:
        checkpoint: it.
        task: it.
        seed: it.
        command: of the task.
        options: values by option, without `uses`.
        uses: files of other cells by option.
        weights: what the checkpoint's files are now; empty where it has none, as ``random``.
    """

    checkpoint: Checkpoint
    task: Task
    seed: int
    command: TaskCommand
    options: Mapping[str, Any]
    uses: Mapping[str, Use] = field(default_factory=dict)
    weights: str = ""

    @property
    def name(self) -> str:
        """As of its folder: ``CHECKPOINT/TASK/seed-N``."""
        return f"{self.checkpoint.name}/{self.task.name}/seed-{self.seed}"

    @property
    def settings(self) -> dict[str, Any]:
        """All that its result depends on, as JSON values; data sets by their path."""
        shown = {key: value for key, value in self.options.items() if key not in self.command.machine}
        uses = {key: [one.cell.name, one.file, digest(one.cell.settings)] for key, one in self.uses.items()}
        return {
            "source": self.checkpoint.source,
            "backbone": self.checkpoint.backbone,
            "weights": self.weights,
            "command": self.command.name,
            "seed": self.seed,
            "options": shown,
            "uses": uses,
        }


Find = Callable[[str], TaskCommand]


def list_cells(suite: Suite, find: Find, weights: Callable[[Checkpoint], str], where: str) -> list[Cell]:
    """All cells; those that use another's file come after it.

    Args:
        suite: it.
        find: a command by its name.
        weights: of a checkpoint's files, as `Cell.weights`.
        where: the suite stands, for errors.

    Raises:
        UsageError: a task has an option that its command lacks or refuses, or tasks use each other in a
            circle.
    """
    commands = {task.name: find(task.command) for task in suite.tasks}
    _check_defaults(suite.defaults, commands.values(), where)
    tasks = {task.name: _Options.of(suite, task, commands[task.name], where) for task in suite.tasks}
    cells = dict[str, Cell]()
    for checkpoint in suite.checkpoints:
        mark = weights(checkpoint)
        for name in _in_order(tasks, where):
            options = tasks[name]
            for seed in options.seeds:
                uses = {
                    key: Use(cells[f"{checkpoint.name}/{task}/seed-{tasks[task].seed_for(seed)}"], file)
                    for key, (task, file) in options.uses.items()
                }
                cell = Cell(checkpoint, options.task, seed, commands[name], options.values, uses, mark)
                cells[cell.name] = cell
    return list(cells.values())


@dataclass(frozen=True, eq=False)
class _Options:
    """A task's options, those that are other tasks' files apart."""

    task: Task
    values: dict[str, Any]
    uses: dict[str, tuple[str, str]]
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, suite: Suite, task: Task, command: TaskCommand, where: str) -> _Options:
        place = f"{where}: task {task.name!r}"
        for own in ("checkpoint", "output"):
            if not command.knows(own):
                raise UsageError(
                    f"{command.name} is no task for a suite",
                    where=place,
                    cause=f"it has no --{own}",
                    remedy="run it apart",
                )
        given = {command.option(key, place): value for key, value in task.options.items()}
        for key, value in suite.defaults.items():
            name = command.spellings.get(key.replace("-", "_"))
            if name is not None:
                given.setdefault(name, value)
        names = [one.name for one in suite.tasks]
        uses = {key: found for key, value in given.items() if (found := _reference(key, value, names, place))}
        seeds = task.seeds or suite.seeds
        if len(set(seeds)) < len(seeds):
            raise UsageError("a seed comes twice", where=place, remedy="name each seed once")
        seeds = seeds if command.knows("seed") else seeds[:1]
        return cls(task, {key: value for key, value in given.items() if key not in uses}, uses, seeds)

    def seed_for(self, seed: int) -> int:
        """Which of its seeds goes with another task's."""
        return seed if seed in self.seeds else self.seeds[0]


def _reference(key: str, value: Any, names: Sequence[str], where: str) -> tuple[str, str] | None:
    if key == "head" and value in names:
        return value, HEAD
    if not isinstance(value, dict):
        return None
    if "task" not in value or not value.keys() <= {"task", "file"}:
        raise UsageError(
            f"{key} takes a value, or another task's file, got {value!r}",
            where=where,
            remedy='write { task = "NAME", file = "linear.safetensors" }',
        )
    known(value["task"], names, "task", where)
    return value["task"], value.get("file", "")


def _check_defaults(defaults: Mapping[str, Any], commands: Iterable[TaskCommand], where: str) -> None:
    spellings = {name: option for one in commands for name, option in one.spellings.items()}
    for key in defaults:
        if key.replace("-", "_") not in spellings:
            hint = nearest(key.replace("-", "_"), spellings.values())
            raise UsageError(f"no task has an option {key!r}", where=f"{where}: [defaults]", remedy=hint)


def _in_order(tasks: Mapping[str, _Options], where: str) -> list[str]:
    """Names of the tasks, each behind those it uses."""
    done = list[str]()
    left = list(tasks)
    while left:
        ready = [name for name in left if all(task in done for task, _ in tasks[name].uses.values())]
        if not ready:
            raise UsageError(
                f"the tasks {', '.join(left)} use each other in a circle",
                where=where,
                remedy="let one of them use none",
            )
        done += ready
        left = [name for name in left if name not in ready]
    return done
