"""`eval-ssl linear`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

from maskgen.config.bounds import above, at_least
from maskgen.config.options import ExistingFile, option

from ..options import Spelling, click_command, nested
from ..terminal import echo_err
from .probe import ChoiceOptions, ProbeOptions, evaluate
from .task import list_table


def _describe(name: str, protocol: Any) -> str:
    how = f"{protocol.epochs:4} epochs, batch {protocol.batch_size:4}, lr {protocol.lr:g}"
    if protocol.solver == "lbfgs":
        how = "L-BFGS, 45 penalties"
    if protocol.solver == "sweep":
        how = "SGD, --trials of its settings"
    return f"{name:16} {how}: {protocol.source}"


_list_protocols = list_table("heads.protocols", "PROTOCOLS", _describe)


@dataclass(frozen=True, kw_only=True)
class LinearOptions:
    """Options of `eval-ssl linear`."""

    probe: ProbeOptions = nested(ProbeOptions)
    choice: ChoiceOptions = nested(ChoiceOptions)
    protocol: str = option("moco", "A paper's settings, see --list.", group="settings")
    lrs: Annotated[tuple[float, ...], Spelling(flag="--lr")] = option(
        (), "Learning rates, for example 0.1,1,10; the best is kept.", group="settings", bounds=above(0)
    )
    head: str = option(
        "",
        "Train nothing: judge this head, a linear.safetensors, or own for the checkpoint's classifier, on "
        "the images of --test, else of --data. The result is test-SET.json.",
        group="data",
    )
    classes: ExistingFile | None = option(
        None,
        "File of the head's classes, one a line by its first word.  [default: as the head says]",
        group="data",
    )
    weight_decay: float | None = option(
        None, "Weight decay, in place of the protocol's.", group="settings", bounds=at_least(0)
    )
    epochs: int | None = option(
        None, "Epochs, in place of the protocol's.", group="settings", bounds=at_least(1)
    )
    head_batch: int | None = option(
        None, "Images per step, in place of the protocol's.", group="settings", bounds=at_least(1)
    )
    trials: int = option(
        30,
        "Settings that relicv2-transfer tries, drawn by --seed from the paper's grid.",
        group="settings",
        bounds=at_least(1),
    )
    views: int = option(
        0,
        "Passes of random crops that are kept on disk and taken in turn; 0: a new one for each epoch, "
        "as in the "
        "papers; -1: center crops, one pass.",
        group="settings",
        bounds=at_least(-1),
    )
    views_by: str = option(
        "photos",
        "Who makes the random crops: photos decodes whole photos; dali and torch are stage two's loaders, "
        "for shards. With --device cuda, DALI decodes and crops on the GPU.",
        group="machine",
        choices=("photos", "dali", "torch"),
    )
    listed: Annotated[bool, Spelling(flag="--list", show=_list_protocols)] = option(
        False, "List the protocols of the papers."
    )


@click_command("linear", LinearOptions)
def command(options: LinearOptions) -> None:
    """Accuracy of a linear classifier trained on frozen features, or of one that is there already."""

    def work(config: Any, stop: Any) -> dict[str, Any]:
        from maskgen.trainers.heads.protocols import find_protocol
        from maskgen.trainers.probes.tasks import run_head, run_linear

        if options.head:
            return run_head(config, head=options.head, names=options.classes, say=echo_err)
        changes = {"batch_size": options.head_batch, "weight_decay": options.weight_decay}
        return run_linear(
            dataclasses.replace(config, validation=options.choice.validation, views_by=options.views_by),
            find_protocol(options.protocol, epochs=options.epochs, **changes),
            lrs=list(options.lrs),
            views=options.views,
            metric=options.choice.metric or "",
            trials=options.trials,
            say=echo_err,
            stop=stop,
        )

    evaluate(work, options.probe)
