"""Launches commands as forks of this process, which has imported all that they need: so many are quick."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import click

from maskgen.cli.eval_ssl import eval_cli
from maskgen.cli.terminal import run_command
from maskgen.cli.train_ssl import train_cli
from maskgen.processes.jobs import Process, start_python
from maskgen.processes.places import Place


def find_tool(name: str) -> click.Command:
    return {"train-ssl": train_cli, "eval-ssl": eval_cli}[name]


def import_all() -> None:
    """What the forks need, here once, not in each of them."""
    import torch

    import maskgen.trainers.distributed.process_group
    import maskgen.trainers.heads.protocols
    import maskgen.trainers.probes.tasks
    import maskgen.trainers.run  # noqa: F401

    torch.set_num_threads(1)


@dataclass
class Fork:
    """A task in a fork of this process."""

    number: int
    status: int | None = None

    def poll(self) -> int | None:
        if self.status is None:
            found, status = os.waitpid(self.number, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if found else None
        return self.status

    def terminate(self) -> None:
        os.kill(self.number, signal.SIGTERM)

    def kill(self) -> None:
        os.kill(self.number, signal.SIGKILL)


@dataclass
class Launcher:
    """Starts forks; sends this process SIGTERM when it starts the one of a number.

    Args:
        last: the number, by the tool that the fork runs.
        names: of the tools in the order in which they were started.
    """

    last: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def count(self, tool: str = "eval-ssl") -> int:
        """How many were started."""
        return self.names.count(tool)

    def __call__(self, base: Path, words: Sequence[str], log: Path, place: Place) -> Process:
        if "torch.distributed.run" in words:
            self.names.append("torchrun")
            return start_python(base, words, log, place)
        tool, words = ("eval-ssl", words[3:]) if words[2] == "eval" else ("train-ssl", words[2:])
        self.names.append(tool)
        if self.count(tool) == self.last.get(tool):
            os.kill(os.getpid(), signal.SIGTERM)
        number = os.fork()
        if not number:
            os.chdir(base)
            with log.open("a") as file, redirect_stdout(file), redirect_stderr(file):
                try:
                    run_command(find_tool(tool), tool, list(words))
                except SystemExit as end:
                    file.flush()
                    os._exit(int(end.code or 0))
                finally:
                    os._exit(1)
        return Fork(number)
