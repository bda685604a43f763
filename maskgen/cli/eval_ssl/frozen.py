"""What the tasks without training images have in common: their options, and how one is run and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Any

import click

from maskgen.config.bounds import at_least
from maskgen.config.options import NewFolder, option

from ..terminal import echo_err, own_options, require_package


@dataclass(frozen=True, kw_only=True)
class FrozenOptions:
    """Options of every task of `eval-ssl` that trains no classifier."""

    checkpoint: str = option(
        MISSING,
        "A run's folder, a checkpoint, an export; a file of weights of another project; timm:NAME=FILE; "
        "random; or supervised, as for `eval-ssl knn`.",
        group="data",
    )
    backbone: str = option(
        "", "Network of the checkpoint.  [default: as its file says, or its names look like]", group="data"
    )
    output: NewFolder = option(MISSING, "Folder of the results.", group="output")
    device: str = option("cpu", "Device that computes.", group="machine", choices=("cpu", "cuda"))
    threads: int = option(2, "Threads that decode.", group="machine", bounds=at_least(1))
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
    require_package("torch")
    from maskgen.trainers.distributed.process_group import join_process_group
    from maskgen.trainers.distributed.ranks import rank

    stop = click.get_current_context().obj
    with own_options(), join_process_group(options.device) as device:
        if stop is not None:
            stop.patience = 1
        told = lambda text: echo_err(f"eval-ssl: {text}")  # noqa: E731
        result = work({**vars(options), "device": device}, told, stop)
        if rank() == 0:
            for name, value in result.items():
                if not isinstance(value, list | dict):
                    click.echo(f"{name:22} {format(value, '.4f') if isinstance(value, float) else value}")
