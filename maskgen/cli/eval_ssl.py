"""`eval-ssl`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from .. import __version__
from .terminal import WIDE, own_options
from .training_options import FOLDER, Stoppable, require, say_aside

F = TypeVar("F", bound=Callable[..., Any])


@click.group(cls=Stoppable, context_settings=WIDE)
@click.version_option(__version__, prog_name="eval-ssl")
def eval_cli() -> None:
    """Judge a frozen backbone by labels. With several GPUs: torchrun --nproc-per-node 8 -m maskgen.trainers eval ...

    Exit status as train-ssl.
    """


_QUESTION_OPTIONS = (
    click.option(
        "--checkpoint",
        required=True,
        type=click.Path(exists=True, path_type=Path),
        help="A checkpoint, a run's folder, or an exported .safetensors.",
    ),
    click.option(
        "--data",
        required=True,
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Training images: shards, or one folder per class; or a folder that holds train and val.",
    ),
    click.option(
        "--test",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Test images.  [default: val beside train, else training images are held out]",
    ),
    click.option("--output", required=True, type=FOLDER, help="Folder of results and features."),
    click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True),
    click.option("--side", type=click.IntRange(0), default=0, help="Input side, px.  [default: the training views']"),
    click.option(
        "--share", type=click.FloatRange(0, 1), default=0.0,
        help="Share of the short side that the center crop keeps.  [default: 0.875; 1 up to 96 px]",
    ),
    click.option("--batch-size", type=click.IntRange(1), default=256, show_default=True, help="Images at once."),
    click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads that decode."),
    click.option("--seed", type=click.IntRange(0), default=0, help="Of crops, heads, held-out images.  [default: 0]"),
)  # fmt: skip


def _question_options(function: F) -> F:
    for option in reversed(_QUESTION_OPTIONS):
        function = option(function)
    return function


def _numbers(_ctx: click.Context, parameter: click.Parameter, text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no list of numbers", param=parameter) from error
    if any(number <= 0 for number in found):
        raise click.BadParameter("numbers above 0", param=parameter)
    return found


@eval_cli.command("knn")
@_question_options
@click.option(
    "--k", "ks", default="10,20,100,200", show_default=True, callback=_numbers, help="How many neighbors."
)
@click.option(
    "--temperature",
    type=click.FloatRange(0, min_open=True),
    default=0.07,
    show_default=True,
    help="Of the votes.",
)
def knn(ks: list[float], temperature: float, **values: Any) -> None:
    """Accuracy of weighted nearest neighbors."""

    def work(config: Any, _stop: Any) -> dict[str, Any]:
        from maskgen.trainers.probes.tasks import run_knn

        return run_knn(config, ks=[int(k) for k in ks], temperature=temperature)

    _evaluate(work, **values)


@eval_cli.command("linear")
@_question_options
@click.option("--protocol", "name", default="moco", show_default=True, help="A paper's settings, see --list.")
@click.option(
    "--lr", "lrs", default="", callback=_numbers, help="Learning rates, for example 0.1,1,10; best is kept."
)
@click.option("--epochs", type=click.IntRange(1), help="In place of the protocol's.")
@click.option("--head-batch", type=click.IntRange(1), help="Images per step, in place of the protocol's.")
@click.option(
    "--views", type=click.IntRange(-1), default=0,
    help="Passes of random crops that are kept on disk and taken in turn; 0: a new one for each epoch, as in the "
    "papers; -1: center crops, one pass.",
)  # fmt: skip
@click.option(
    "--list", "listed", is_flag=True, is_eager=True, expose_value=False, callback=lambda c, _p, v: _list(c, v)
)
def linear(
    name: str, lrs: list[float], epochs: int | None, head_batch: int | None, views: int, **values: Any
) -> None:
    """Accuracy of a linear classifier trained on frozen features."""

    def work(config: Any, stop: Any) -> dict[str, Any]:
        from maskgen.trainers.probes.linear import find_protocol
        from maskgen.trainers.probes.tasks import run_linear

        protocol = find_protocol(name, epochs=epochs, batch_size=head_batch)
        return run_linear(config, protocol, lrs=lrs, views=views, say=say_aside, stop=stop)

    _evaluate(work, **values)


def _list(context: click.Context, wanted: bool) -> None:
    if not wanted:
        return
    require("torch")
    from maskgen.trainers.probes.linear import PROTOCOLS

    for name, protocol in PROTOCOLS.items():
        click.echo(
            f"{name:11} {protocol.epochs:4} epochs, batch {protocol.batch_size:4}, lr {protocol.lr:g}: {protocol.source}"
        )
    context.exit()


def _evaluate(work: Callable[[Any, Any], dict[str, Any]], *, device: str, **values: Any) -> None:
    require("torch")
    from maskgen.trainers.distributed.process_group import join_process_group
    from maskgen.trainers.distributed.ranks import rank
    from maskgen.trainers.probes.tasks import ProbeConfig

    stop = click.get_current_context().obj
    with own_options(), join_process_group(device) as own:
        precision = "bf16" if device == "cuda" else "fp32"
        result = work(ProbeConfig(device=own, precision=precision, **values), stop)
        if rank() == 0:
            for name, value in result.items():
                click.echo(f"{name:18} {format(value, '.4f') if isinstance(value, float) else value}")
