"""Trainings and evaluations as forks of one process that has imported what they need: many are small here.

Only on a CPU, and with loaders that have started no thread before the fork.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import click

from maskgen.cli.eval_ssl import eval_cli
from maskgen.cli.terminal import run_command
from maskgen.cli.train_ssl import train_cli
from maskgen.processes.lifetime import die_with
from maskgen.processes.places import Place

TOOLS = {"train-ssl": train_cli, "eval-ssl": eval_cli}
WHERE = "maskgen.cli.many.start_python"
"""The function that a sweep starts its processes by."""


@dataclass
class Fork:
    """A command in a fork of this process, as `maskgen.processes.jobs.Process`."""

    number: int
    status: int | None = None

    def poll(self) -> int | None:
        """Its exit status; None: it runs."""
        if self.status is None:
            found, status = os.waitpid(self.number, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if found else None
        return self.status

    def terminate(self) -> None:
        """Ask it to end."""
        os.kill(self.number, signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        os.kill(self.number, signal.SIGKILL)


def launch(base: Path, words: Sequence[str], log: Path, _: Place) -> Fork:
    """A command, ``-m maskgen.trainers [eval] ...``, in a fork, which dies with this process."""
    tool, words = ("eval-ssl", words[3:]) if words[2] == "eval" else ("train-ssl", words[2:])
    parent = os.getpid()
    number = os.fork()
    if number:
        return Fork(number)
    die_with(parent)
    os.chdir(base)
    with log.open("a") as file, redirect_stdout(file), redirect_stderr(file):
        status: object = 1
        try:
            run_command(TOOLS[tool], tool, list(words))
        except SystemExit as end:
            status = end.code or 0
        finally:
            file.flush()
            os._exit(status if isinstance(status, int) else 1)


@contextmanager
def forking() -> Iterator[None]:
    """Sweeps below start forks in place of new processes."""
    import torch

    import maskgen.loaders.torch.loader
    import maskgen.trainers.distributed.process_group
    import maskgen.trainers.probes.tasks
    import maskgen.trainers.run  # noqa: F401

    torch.set_num_threads(1)
    with patch(WHERE, launch):
        yield


def run_sweep(words: Sequence[str]) -> None:
    """`train-ssl sweep` in this process.

    Raises:
        SystemExit: it did not end well.
    """
    command: click.Command = train_cli
    try:
        run_command(command, "train-ssl", ["sweep", *words])
    except SystemExit as end:
        if end.code:
            raise
    sys.stdout.flush()
