"""What the two command lines share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from maskgen.errors import EXIT_ENVIRONMENT, EXIT_INTERRUPTED, EnvironmentFault, MaskgenError

WIDE = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
"""Settings of a group of commands."""
FOLDER = click.Path(file_okay=False, path_type=Path)
"""A folder that need not exist."""


def say_aside(text: str) -> None:
    """A line on stderr."""
    click.echo(text, err=True)


def require(package: str) -> None:
    """Say what to install where a package is absent.

    Raises:
        EnvironmentFault: it is.
    """
    try:
        __import__(package)
    except ImportError as error:
        raise EnvironmentFault(f"this needs {package}", remedy='pip install "maskgen[train]"') from error


def run_command(command: click.Command, name: str, arguments: list[str]) -> None:
    """Run a command; every error becomes a sentence on stderr and an exit status."""
    try:
        with command.make_context(name, arguments) as context:
            command.invoke(context)
        sys.stdout.flush()
        status = 0
    except click.exceptions.Exit as stop:
        status = stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        status = EXIT_INTERRUPTED
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except MaskgenError as error:
        click.echo(f"{name}: {error}", err=True)
        status = error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141  # as any tool whose reader has gone
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        click.echo(
            f"{name}: {error.strerror or error}{place}\n  Next: check the path, its permissions and the disk.",
            err=True,
        )
        status = EXIT_ENVIRONMENT
    sys.exit(status)
