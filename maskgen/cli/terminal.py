"""What every command line shares: its settings, its words on stderr, and how it ends.

Every error is a sentence on stderr and an exit status.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import NoReturn

import click

from ..errors import EXIT_ENVIRONMENT, EXIT_INTERRUPTED, EnvironmentFault, UserFacing

WIDE = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
"""Settings of a group of commands."""


def echo_err(text: str) -> None:
    """Write a line on stderr."""
    click.echo(text, err=True)


def require_package(package: str) -> None:
    """Say what to install where a package is absent.

    Args:
        package: as it is imported.

    Raises:
        EnvironmentFault: it cannot be imported.
    """
    try:
        __import__(package)
    except ImportError as error:
        raise EnvironmentFault(f"this needs {package}", remedy='pip install "maskgen[train]"') from error


@contextlib.contextmanager
def own_options(**others: str) -> Iterator[None]:
    """Let an error speak of the running command's options, where the library spoke of its arguments.

    Args:
        others: what sets an argument that no option of the same name sets, such as ``batch_size="--set
            batch_size="``.
    """
    try:
        yield
    except UserFacing as error:
        known = click.get_current_context().command.params
        options = {one.name: f"{one.opts[0]} " for one in known if isinstance(one, click.Option) and one.name}
        error.name_options({**options, **others})
        raise


def run_command(command: click.Command, name: str, arguments: list[str]) -> NoReturn:
    """Run a command and leave the interpreter.

    Args:
        command: gives an exit status, or None for 0.
        name: of the program, as users type it.
        arguments: behind it.
    """
    try:
        with command.make_context(name, arguments) as context:
            status = command.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        status = stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        status = EXIT_INTERRUPTED
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except UserFacing as error:
        echo_err(f"{name}: {error}")
        status = error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141  # as any tool whose reader has gone
    except OSError as error:  # a file or folder given on the command line, or the disk under it
        place = f": {error.filename}" if error.filename else ""
        echo_err(
            f"{name}: {error.strerror or error}{place}\n  Next: check the path, its permissions and the disk."
        )
        status = EXIT_ENVIRONMENT
    sys.exit(status if isinstance(status, int) else 0)
