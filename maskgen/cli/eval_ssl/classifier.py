"""What the tasks that judge a finished classifier have in common: their options, and how one is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Any

from maskgen.config.options import ExistingFile, option

from .task import InputOptions, open_ranks, probe_config


@dataclass(frozen=True, kw_only=True)
class ClassifierOptions(InputOptions):
    """A backbone, a head on it, and how both are fed."""

    head: str = option(
        MISSING,
        "The classifier: a linear.safetensors of eval-ssl linear, or own for the checkpoint's own.",
        group="data",
    )
    classes: ExistingFile | None = option(
        None,
        "File of the head's classes, one a line by its first word.  [default: as the head says; ImageNet's "
        "wnids for a thousand without names]",
        group="data",
    )


def judge(work: Callable[[Any, Any], dict[str, Any]], options: ClassifierOptions) -> None:
    """Run a task on the classifier that the options name, on all ranks.

    Args:
        work: the task: a `ProbeConfig` and the group's `StopSignals` to the result.
        options: as given.
    """
    with open_ranks(options.device) as (device, stop):
        work(probe_config(options, device, data=options.output, test=None), stop)
