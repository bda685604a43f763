"""What the tasks that judge a finished classifier have in common: their options, and how one is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Any

import click

from maskgen.config.bounds import at_least, between
from maskgen.config.options import ExistingFile, NewFolder, option

from ..terminal import own_options, require_package


@dataclass(frozen=True, kw_only=True)
class ClassifierOptions:
    """A backbone, a head on it, and how both are fed."""

    checkpoint: str = option(MISSING, "The backbone, as for eval-ssl linear.", group="data")
    head: str = option(
        MISSING,
        "The classifier: a linear.safetensors of eval-ssl linear, or own for the checkpoint's own.",
        group="data",
    )
    backbone: str = option(
        "", "Network of the checkpoint.  [default: as its file says, or its names look like]", group="data"
    )
    classes: ExistingFile | None = option(
        None,
        "File of the head's classes, one a line by its first word.  [default: as the head says; ImageNet's "
        "wnids for a thousand without names]",
        group="data",
    )
    output: NewFolder = option(MISSING, "Folder of results and features.", group="output")
    device: str = option("cpu", "Device that computes.", group="machine", choices=("cpu", "cuda"))
    side: int = option(
        0,
        "Side of the input.  [default: as the head was trained; 224]",
        group="settings",
        unit="px",
        bounds=at_least(0),
    )
    share: float = option(
        0.0,
        "Share of the short side that the center crop keeps.  [default: as the head was trained; 0.875]",
        group="settings",
        bounds=between(0, 1),
    )
    interpolation: str | None = option(
        None,
        "Interpolation of the center crop.  [default: as the head was trained, or as timm says]",
        group="settings",
        choices=("bilinear", "bicubic"),
    )
    batch_size: int = option(256, "Images per pass.", group="machine", bounds=at_least(1))
    threads: int = option(2, "Threads that decode.", group="machine", bounds=at_least(1))


def judge(work: Callable[[Any, Any], dict[str, Any]], options: ClassifierOptions) -> None:
    """Run a task on the classifier that the options name, on all ranks.

    Args:
        work: the task: a `ProbeConfig` and the group's `StopSignals` to the result.
        options: as given.
    """
    require_package("torch")
    from maskgen.trainers.distributed.process_group import join_process_group
    from maskgen.trainers.probes.setup import ProbeConfig

    stop = click.get_current_context().obj
    with own_options(), join_process_group(options.device) as device:
        config = ProbeConfig(
            checkpoint=options.checkpoint,
            backbone=options.backbone,
            data=options.output,
            test=None,
            output=options.output,
            device=device,
            side=options.side,
            share=options.share,
            interpolation=options.interpolation or "",
            batch_size=options.batch_size,
            threads=options.threads,
            precision="bf16" if options.device == "cuda" else "fp32",
        )
        work(config, stop)
