"""What the tasks without training images have in common: their options, and how one is run and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from maskgen.config.options import option

from ..terminal import echo_err
from .task import EncoderOptions, open_ranks, show_result


@dataclass(frozen=True, kw_only=True)
class FrozenOptions(EncoderOptions):
    """Options of every task of `eval-ssl` that has no training images with classes."""

    seed: int = option(0, "Seed of whatever is drawn.  [default: 0]", group="settings")


def run_frozen(
    work: Callable[[dict[str, Any], Callable[[str], None], Any], dict[str, Any]], options: FrozenOptions
) -> None:
    """Run a task on what the options name, on all ranks, and show its result.

    Args:
        work: the task: the fields of a `FrozenConfig`, what takes news, and the group's `StopSignals`, to
            the figures to show.
        options: as given.
    """
    with open_ranks(options.device) as (device, stop):
        if stop is not None:
            stop.patience = 1
        told = lambda text: echo_err(f"eval-ssl: {text}")  # noqa: E731
        show_result(work({**vars(options), "device": device}, told, stop), width=22)
