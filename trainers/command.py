"""What the two command lines share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from maskgen.errors import EnvironmentFault, MaskgenError
from maskgen.io.signals import StopSignals

FOLDER = click.Path(file_okay=False, path_type=Path)
"""A folder that need not exist."""


_WORDS = (
    (r"a smaller batch, fewer ranks, or last=.*", "a smaller --set batch_size=, or fewer ranks"),
    (r"open_dataset\(shuffle=('[^']*'), unfit_photos='[^']*'\)", r"--shuffle \1"),
    (r", or open the folder with allow_incomplete=True", ""),
    (r"; unfit_photos is refuse or drop", ""),
    (r'\bon_error="skip"', "--on-error skip"),
    (r'\bshuffle="(\S+)"', r"--shuffle \1"),
    (r"\bphotos=(?=\w)", "--photos "),
    (r"\bphotos=", "--photos"),
)
"""The loader's arguments in Python, and train-ssl's options that set them."""


class Stoppable(click.Group):
    """A group of commands that a signal ends with 75 from the start; ``obj`` of their contexts are its `StopSignals`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Listen, then call the command."""
        with StopSignals() as ctx.obj:
            return super().invoke(ctx)


def in_words_of_options(error: MaskgenError) -> MaskgenError:
    """The loader's error with the command line's names for its arguments."""
    for pattern, option in _WORDS:
        error.what, error.cause, error.remedy = (
            re.sub(pattern, option, text) for text in (error.what, error.cause, error.remedy)
        )
    return error


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
