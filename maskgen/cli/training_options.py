"""What the two command lines share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import EnvironmentFault
from ..processes.signals import StopSignals

FOLDER = click.Path(file_okay=False, path_type=Path)
"""A folder that need not exist."""


class Stoppable(click.Group):
    """A group of commands that a signal ends with 75 from the start; ``obj`` of their contexts are its `StopSignals`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Listen, then call the command."""
        with StopSignals() as ctx.obj:
            return super().invoke(ctx)


def say_aside(text: str) -> None:
    """A line on stderr."""
    click.echo(text, err=True)


def warn_aside(text: str) -> None:
    """A warning on stderr."""
    say_aside(f"warning: {text}")


def require(package: str) -> None:
    """Say what to install where a package is absent.

    Raises:
        EnvironmentFault: it is.
    """
    try:
        __import__(package)
    except ImportError as error:
        raise EnvironmentFault(f"this needs {package}", remedy='pip install "maskgen[train]"') from error
