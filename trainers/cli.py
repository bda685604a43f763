"""`train-ssl` and `eval-ssl`."""

from __future__ import annotations

import sys

from maskgen.errors import EXIT_USAGE


def train() -> None:
    """The `train-ssl` command."""
    _absent("train-ssl")


def evaluate() -> None:
    """The `eval-ssl` command."""
    _absent("eval-ssl")


def _absent(name: str) -> None:
    """Say plainly that this version has no trainer."""
    sys.stderr.write(f"{name}: this version of maskgen makes and reads mask shards; it has no trainer yet.\n")
    sys.exit(EXIT_USAGE)
