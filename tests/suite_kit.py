"""A small suite of `eval-ssl` whose tasks are made up, and a launcher that does them in this process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskgen.errors import UsageError
from maskgen.processes.places import Place
from maskgen.trainers.evaluations.suite.cells import Cell
from maskgen.trainers.evaluations.suite.commands import TaskCommand
from maskgen.trainers.evaluations.suite.figures import Collected
from maskgen.trainers.evaluations.suite.run import PROGRAM

TEXT = """
title = "Trial"
seeds = [0, 1]

[defaults]
side = 32

[[checkpoint]]
name = "a"
source = "random"

[[checkpoint]]
name = "b"
source = "random"
backbone = "tiny"

[[task]]
name = "later"
command = "toy"
options = { head = "first" }

[[task]]
name = "first"
command = "toy"
seeds = [1]
options = { lr = [0.1, 1], threads = 4 }

[[table]]
title = "Table | 1"
source = "A paper <2020>, Table 1"

[[table.column]]
name = "Top-1"
task = "later"
metric = "top1"

[[table.column]]
name = "Error"
task = "first"
metric = "deep.error.0.5"
digits = 2
scale = 1.0
best = "low"

[[table.row]]
name = "A"
checkpoints = ["a"]
published = [70, "0.50 ± 0.01"]

[[table.row]]
name = "Others"
published = ["71.2"]

[[table.row]]
name = "both"
checkpoints = ["a", "b"]

[[plot]]
title = "Error & all"
x_name = "share"
x = [0.5, 0.25]
task = "first"
metric = "deep.error.{x}"
"""


def words(values: Mapping[str, Any]) -> list[str]:
    return [word for name, value in values.items() for word in (f"--{name}", str(value))]


def toy(name: str) -> TaskCommand:
    if name != "toy":
        raise UsageError(f"no task {name}", remedy="toy")
    known = ("checkpoint", "backbone", "output", "seed", "lrs", "threads", "side", "head")
    spellings = {one: one for one in known} | {"lr": "lrs"}
    return TaskCommand(name, spellings, frozenset({"threads"}), words, lambda values: None)


@dataclass
class Done:
    """A process that has ended, or that ends when it is told to."""

    status: int | None = 0
    asked: list[str] = field(default_factory=list)

    def poll(self) -> int | None:
        return self.status

    def terminate(self) -> None:
        self.asked.append("terminate")
        self.status = 75

    def kill(self) -> None:
        self.asked.append("kill")


@dataclass
class Toys:
    """Launches tasks that write a result at once, or fail where their folder says so.

    Args:
        fail: parts of names of cells that fail.
        hang: parts of names of cells that do not end by themselves.
    """

    fail: str = "<none>"
    hang: str = "<none>"
    started: list[list[str]] = field(default_factory=list)
    processes: list[Done] = field(default_factory=list)

    def __call__(self, words: Sequence[str], log: Path, _: Place) -> Done:
        words = words[len(PROGRAM) :]
        given = dict(zip(words[1::2], words[2::2], strict=True))
        self.started.append(list(words))
        self.processes.append(self._end(Path(given["--output"]), log, int(given["--seed"])))
        return self.processes[-1]

    def _end(self, output: Path, log: Path, seed: int) -> Done:
        if self.fail in str(output):
            log.write_text("a line\neval-ssl: the disk is full\n  Next: make room.\n")
            return Done(1)
        if self.hang in str(output):
            return Done(None)
        value = seed / 10 + ("b" in output.parts[-3]) / 4
        result = {"top1": value, "deep": {"error": {"0.5": value, "0.25": 1.0}}, "name": "toy"}
        (output / "toy.json").write_text(json.dumps(result))
        return Done(0)


def collected(cells: list[Cell]) -> Collected:
    """later: a .5 .7, b .6 .6; first: a .125, b .25."""
    tops = {"a/later/seed-0": 0.5, "a/later/seed-1": 0.7, "b/later/seed-0": 0.6, "b/later/seed-1": 0.6}
    results: dict[str, Any] = {name: {"toy.json": {"top1": value, "lr": 0.1}} for name, value in tops.items()}
    for name, value in (("a", 0.125), ("b", 0.25)):
        results[f"{name}/first/seed-1"] = {"toy.json": {"deep": {"error": {"0.5": value, "0.25": 2 * value}}}}
    return Collected(cells, results, [])
