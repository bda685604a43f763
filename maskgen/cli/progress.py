"""How far a long command is: a bar on a terminal, a line every 30 s elsewhere; both on stderr."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Self

import click

_BAR_EVERY_S = 0.2
_LINE_EVERY_S = 30.0
_WIDTH = 24  # characters of the bar
_CLEAR = "\r\033[K"


class ProgressBar:
    """One line that is drawn again and again, and removed at the end.

    Used as a context; leaving it clears the line, so that what is printed next stands alone.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove the line, so that something may be printed in its place."""
        if self._terminal:
            click.echo(_CLEAR, err=True, nl=False)

    def say(self, note: str) -> None:
        """Print a note above the line."""
        self.clear()
        click.echo(f"maskgen: note: {note}", err=True)

    def show(self, done: int, total: int, text: str) -> None:
        """Draw the line, unless it was drawn a moment ago.

        Args:
            done: finished things.
            total: all of them; 0 when unknown, then there is no bar.
            text: what stands behind the bar; cut at the terminal's width.
        """
        now = time.monotonic()
        if now - self._last < (_BAR_EVERY_S if self._terminal else _LINE_EVERY_S):
            return
        self._last = now
        if not self._terminal:
            click.echo(text, err=True)
            return
        line = f"{bar(done, total)} {text}" if total else text
        click.echo(_CLEAR + line[: shutil.get_terminal_size().columns - 1], err=True, nl=False)


def bar(done: int, total: int) -> str:
    """`done` of `total` as a bar of 24 characters in brackets."""
    full = _WIDTH * min(done, total) // total
    return f"[{'#' * full}{'.' * (_WIDTH - full)}]"
