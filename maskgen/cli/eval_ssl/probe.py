"""What the tasks on frozen features have in common: their options, and how one is run and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Annotated, Any

import click

from maskgen.config.bounds import at_least, between
from maskgen.config.options import NewFolder, option

from ..kinds import SetKind
from ..options import Spelling
from ..terminal import echo_err, own_options, require_package

LabeledPlace = Annotated[str, Spelling(kind=SetKind())]
"""A folder, or a split of a public set: KIND:PATH[@SPLIT]."""
_SMALL = 96
"""Side of pictures that are used whole, px: CIFAR, Tiny ImageNet, STL."""


@dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """Options of every task of `eval-ssl`."""

    checkpoint: str = option(
        MISSING,
        "A run's folder, a checkpoint, an export; a file of weights of torchvision, MoCo, BYOL, SwAV, "
        "SimSiam, CAST or RSA; timm:NAME=FILE; random; or supervised (torchvision's ImageNet classifier).",
        group="data",
    )
    backbone: str = option(
        "",
        "Network of the checkpoint: resnet18 to resnet200, or timm/NAME.  [default: as its file says, or "
        "its names look like; resnet50 for random and supervised]",
        group="data",
    )
    data: LabeledPlace = option(
        MISSING,
        "Training images: shards, or one folder per class; or a folder that holds train and val; or a public "
        "set as it is unpacked, for example pets:PATH, dtd:PATH@train2.",
        group="data",
    )
    test: LabeledPlace | None = option(
        None,
        "Test images, likewise.  [default: val beside train, or the set's own test; else training images are "
        "held out]",
        group="data",
    )
    output: NewFolder = option(MISSING, "Folder of results and features.", group="output")
    features: NewFolder | None = option(
        None,
        "Folder of the features of center crops, which several tasks may share at the same time.  [default: "
        "features in --output]",
        group="machine",
    )
    device: str = option("cpu", "Device that computes.", group="machine", choices=("cpu", "cuda"))
    side: int = option(
        0,
        "Side of the input, whatever the training's was.  [default: 224; a head's own with --head]",
        group="settings",
        unit="px",
        bounds=at_least(0),
    )
    share: float = option(
        0.0,
        "Share of the short side that the center crop keeps.  [default: 0.875; 1 up to 96 px]",
        group="settings",
        bounds=between(0, 1),
    )
    interpolation: str | None = option(
        None,
        "Interpolation of the center crop.  [default: bilinear, or as timm says of the network]",
        group="settings",
        choices=("bilinear", "bicubic"),
    )
    batch_size: int = option(256, "Images per pass.", group="machine", bounds=at_least(1))
    threads: int = option(2, "Threads that decode.", group="machine", bounds=at_least(1))
    seed: int = option(0, "Seed of crops, heads and held-out images.  [default: 0]", group="settings")


def evaluate(work: Callable[[Any, Any], dict[str, Any]], options: ProbeOptions) -> None:
    """Run a task on what the options name, on all ranks, and show its result.

    Args:
        work: the task: a `ProbeConfig` and the group's `StopSignals` to the result's figures.
        options: as given.
    """
    require_package("torch")
    from maskgen.trainers.distributed.process_group import join_process_group
    from maskgen.trainers.distributed.ranks import rank
    from maskgen.trainers.probes.setup import ProbeConfig

    stop = click.get_current_context().obj
    with own_options(), join_process_group(options.device) as device:
        precision = "bf16" if options.device == "cuda" else "fp32"
        given = {**vars(options), "interpolation": options.interpolation or ""}
        config = ProbeConfig(**{**given, "device": device, "precision": precision})
        result = work(config, stop)
        if rank() == 0:
            for name, value in result.items():
                click.echo(f"{name:18} {format(value, '.4f') if isinstance(value, float) else value}")
            if result["trained_side"] <= _SMALL < result["side"]:
                echo_err(
                    f"eval-ssl: note: the network was trained at {result['trained_side']} px and was fed "
                    f"{result['side']} px; --side {result['trained_side']} feeds it as it was trained"
                )
