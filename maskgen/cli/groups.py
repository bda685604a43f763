"""Groups of commands: listed by a table before they are imported, or ended by a signal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from ..config.suggest import nearest
from ..processes.signals import StopSignals


class ListedGroup(click.Group):
    """Commands of a table; each is made or imported when it is called.

    A mistaken name is answered with the nearest.

    Args:
        sections: names of commands and their short help, under each heading of the help.
        load: gives the command of a name of the table.
        facts: of `click.Group`.
    """

    def __init__(
        self,
        *,
        sections: Mapping[str, Mapping[str, str]],
        load: Callable[[str], click.Command],
        **facts: Any,
    ) -> None:
        super().__init__(**facts)
        self._sections = sections
        self._load = load

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every name of the table."""
        return [name for table in self._sections.values() for name in table]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, or None."""
        return self._load(cmd_name) if cmd_name in self.list_commands(ctx) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table, a section for each heading."""
        for heading, table in self._sections.items():
            with formatter.section(heading):
                formatter.write_dl(list(table.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called.

        Raises:
            click.UsageError: there is none of this name; the message has the nearest.
        """
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = nearest(args[0], self.list_commands(ctx))
            raise click.UsageError(f"{error.message} ({hint})", ctx) from error


class StoppableGroup(click.Group):
    """Commands that a signal ends with 75 from the start; ``obj`` of their contexts are its `StopSignals`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Listen, then call the command."""
        with StopSignals() as ctx.obj:
            return super().invoke(ctx)


class StoppableListedGroup(StoppableGroup, ListedGroup):
    """Both."""
