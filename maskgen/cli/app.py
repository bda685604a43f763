"""The `maskgen` command: one file per command, imported only when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from .. import __version__
from .terminal import WIDE, run_command

COMMANDS = {
    "run": "Make mask shards from photos; run again to resume.",
    "plan": "Show shards, sizes and a time estimate without making anything.",
    "status": "How far a run is, and what is in quarantine.",
    "verify": "Check shards against their manifest.",
    "info": "What a data set holds, how it was made.",
    "show": "One sample: where it lies, its facts, its files.",
    "preview": "A contact sheet: photo | mask | overlay | background.",
    "deepusps": "Learn masks from unlabelled photos; run again to resume.",
    "eval": "Masks against true masks: F, E, S, MAE, IoU.",
    "compare": "Several mask sets against one truth: a table, and a sheet of disputes.",
    "export-onnx": "A U²-Net checkpoint as an ONNX model, checked against torch.",
    "bench": "How fast each part is on this machine, and which settings follow.",
    "doctor": "What is installed here, and how to install the rest.",
}


class _Commands(click.Group):
    """Lists the commands from a table; imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"maskgen.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from ..config.suggest import nearest

            raise click.UsageError(f"{error.message} ({nearest(args[0], list(COMMANDS))})", ctx) from error


@click.group(cls=_Commands, context_settings=WIDE)
@click.version_option(__version__, prog_name="maskgen")
def cli() -> None:
    """Foreground masks and foreground-free backgrounds as verified, reproducible WebDataset shards.

    Exit status: 0 done; 1 done but over the failure budget, or faults found; 2 usage; 3 environment (disk, GPU,
    permission); 75 interrupted, run again to resume.
    """


def main() -> None:
    """The `maskgen` command."""
    run_command(cli, "maskgen", sys.argv[1:])
