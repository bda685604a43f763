"""`eval-ssl`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Annotated, Any

import click

from ..config.bounds import above, at_least, between
from ..config.options import ExistingFile, ExistingFolder, NewFolder, option
from ..version import __version__
from .groups import StoppableGroup
from .options import Spelling, click_command, nested
from .terminal import WIDE, echo_err, own_options, require_package

_SMALL = 96
"""Side of pictures that are used whole, px: CIFAR, Tiny ImageNet, STL."""


@click.group(cls=StoppableGroup, context_settings=WIDE)
@click.version_option(__version__, prog_name="eval-ssl")
def eval_cli() -> None:
    """Evaluate a frozen backbone with labels.

    With several GPUs: torchrun --nproc-per-node 8 -m maskgen.trainers eval ...

    Exit status as train-ssl.
    """


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
    data: ExistingFolder = option(
        MISSING,
        "Training images: shards, or one folder per class; or a folder that holds train and val.",
        group="data",
    )
    test: ExistingFolder | None = option(
        None,
        "Test images.  [default: val beside train, else training images are held out]",
        group="data",
    )
    output: NewFolder = option(MISSING, "Folder of results and features.", group="output")
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


@dataclass(frozen=True, kw_only=True)
class KnnOptions:
    """Options of `eval-ssl knn`."""

    probe: ProbeOptions = nested(ProbeOptions)
    ks: Annotated[tuple[int, ...], Spelling(flag="--k")] = option(
        (10, 20, 100, 200), "How many neighbors.", group="settings", bounds=at_least(1)
    )
    temperature: float = option(0.07, "Temperature of the votes.", group="settings", bounds=above(0))


def _list_protocols(context: click.Context, _: Any) -> None:
    require_package("torch")
    from maskgen.trainers.heads.protocols import PROTOCOLS

    for name, protocol in PROTOCOLS.items():
        how = f"{protocol.epochs:4} epochs, batch {protocol.batch_size:4}, lr {protocol.lr:g}"
        if protocol.solver == "lbfgs":
            how = "L-BFGS, 45 penalties"
        click.echo(f"{name:11} {how}: {protocol.source}")
    context.exit()


@dataclass(frozen=True, kw_only=True)
class LinearOptions:
    """Options of `eval-ssl linear`."""

    probe: ProbeOptions = nested(ProbeOptions)
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
    validation: ExistingFolder | None = option(
        None,
        "Images that the rate or penalty is chosen on.  [default: a tenth of the training images]",
        group="data",
    )
    metric: str = option(
        "top1",
        "What is best: top1, or the mean of the classes' accuracies where the set asks for it.",
        group="settings",
        choices=("top1", "per_class"),
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


@click_command("knn", KnnOptions, eval_cli)
def knn(options: KnnOptions) -> None:
    """Accuracy of weighted nearest neighbors."""

    def work(config: Any, _stop: Any) -> dict[str, Any]:
        from maskgen.trainers.probes.tasks import run_knn

        return run_knn(config, ks=list(options.ks), temperature=options.temperature)

    _evaluate(work, options.probe)


@click_command("linear", LinearOptions, eval_cli)
def linear(options: LinearOptions) -> None:
    """Accuracy of a linear classifier trained on frozen features, or of one that is there already."""

    def work(config: Any, stop: Any) -> dict[str, Any]:
        from maskgen.trainers.heads.protocols import find_protocol
        from maskgen.trainers.probes.tasks import run_head, run_linear

        if options.head:
            return run_head(config, head=options.head, names=options.classes, say=echo_err)
        changes = {"batch_size": options.head_batch, "weight_decay": options.weight_decay}
        return run_linear(
            dataclasses.replace(config, validation=options.validation, views_by=options.views_by),
            find_protocol(options.protocol, epochs=options.epochs, **changes),
            lrs=list(options.lrs),
            views=options.views,
            metric=options.metric,
            say=echo_err,
            stop=stop,
        )

    _evaluate(work, options.probe)


def _evaluate(work: Callable[[Any, Any], dict[str, Any]], options: ProbeOptions) -> None:
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
