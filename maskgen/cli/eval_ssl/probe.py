"""What the tasks on labeled images have in common: their options, and how one is run and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Annotated, Any

from maskgen.config.options import NewFolder, option

from ..kinds import SetKind
from ..options import Spelling
from ..terminal import echo_err
from .task import InputOptions, open_ranks, probe_config, show_result

LabeledPlace = Annotated[str, Spelling(kind=SetKind())]
"""A folder, or a split of a public set: KIND:PATH[@SPLIT]."""
_SMALL = 96
"""Side of pictures that are used whole, px: CIFAR, Tiny ImageNet, STL."""


@dataclass(frozen=True, kw_only=True)
class ProbeOptions(InputOptions):
    """Options of every task of `eval-ssl` on labeled images."""

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
    features: NewFolder | None = option(
        None,
        "Folder of the features of center crops, which several tasks may share at the same time.  [default: "
        "features in --output]",
        group="machine",
    )
    seed: int = option(0, "Seed of crops, heads and held-out images.  [default: 0]", group="settings")


@dataclass(frozen=True, kw_only=True)
class ChoiceOptions:
    """Options of the tasks that try several settings: what is best, and on which images."""

    validation: LabeledPlace | None = option(
        None,
        "Images that rates and penalties are chosen on, as --data.  [default: the set's own, else a tenth of "
        "the training images]",
        group="data",
    )
    metric: str | None = option(
        None,
        "What is best: top1, or per_class, the mean of the classes' accuracies.  [default: as the papers "
        "report of the set; top1 of folders and shards]",
        group="settings",
        choices=("top1", "per_class"),
    )


def evaluate(work: Callable[[Any, Any], dict[str, Any]], options: ProbeOptions) -> None:
    """Run a task on what the options name, on all ranks, and show its result.

    Args:
        work: the task: a `ProbeConfig` and the group's `StopSignals` to the result's figures.
        options: as given.
    """
    with open_ranks(options.device) as (device, stop):
        from maskgen.trainers.distributed.ranks import rank

        result = work(probe_config(options, device), stop)
        show_result(result, whole=True)
        if rank() == 0 and result["trained_side"] <= _SMALL < result["side"]:
            echo_err(
                f"eval-ssl: note: the network was trained at {result['trained_side']} px and was fed "
                f"{result['side']} px; --side {result['trained_side']} feeds it as it was trained"
            )
