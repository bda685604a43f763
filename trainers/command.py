"""What the two command lines share."""

from __future__ import annotations

from pathlib import Path

import click

from maskgen.errors import EnvironmentFault

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
