"""What every task has: the options of its encoder, how it runs on all ranks, and how its result is shown."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass
from typing import Any

import click

from maskgen.config.bounds import at_least, between
from maskgen.config.options import NewFolder, option

from ..terminal import own_options, require_package


@dataclass(frozen=True, kw_only=True)
class EncoderOptions:
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
    output: NewFolder = option(
        MISSING, "Folder of the result, and of what is kept so that it is not computed again.", group="output"
    )
    device: str = option("cpu", "Device that computes.", group="machine", choices=("cpu", "cuda"))
    threads: int = option(2, "Threads that decode.", group="machine", bounds=at_least(1))


@dataclass(frozen=True, kw_only=True)
class InputOptions(EncoderOptions):
    """Options of the tasks whose inputs are center crops, with a classifier on their features."""

    side: int = option(
        0,
        "Side of the input, whatever the network's training was.  [default: as the head that is given was "
        "trained; else 224]",
        group="settings",
        unit="px",
        bounds=at_least(0),
    )
    share: float = option(
        0.0,
        "Share of the short side that the center crop keeps.  [default: as the head that is given was "
        "trained; else 0.875, and 1 up to 96 px]",
        group="settings",
        bounds=between(0, 1),
    )
    interpolation: str | None = option(
        None,
        "Interpolation of the center crop.  [default: as the head that is given was trained; else bilinear, "
        "or as timm says of the network]",
        group="settings",
        choices=("bilinear", "bicubic"),
    )
    batch_size: int = option(256, "Images per pass.", group="machine", bounds=at_least(1))


@contextmanager
def open_ranks(device: str) -> Iterator[tuple[Any, Any]]:
    """Among the processes that torchrun started, if it did; gives the device and the group's `StopSignals`.

    Args:
        device: ``cpu`` or ``cuda``.

    Raises:
        EnvironmentFault: torch is not installed, or there is no such device.
    """
    require_package("torch")
    from maskgen.trainers.distributed.process_group import join_process_group

    stop = click.get_current_context().obj
    with own_options(), join_process_group(device) as found:
        yield found, stop


def choose_precision(device: str) -> str:
    """``bf16`` on a GPU, else ``fp32``."""
    return "bf16" if device == "cuda" else "fp32"


def probe_config(options: InputOptions, device: Any, **more: Any) -> Any:
    """The `ProbeConfig` that options ask for.

    Args:
        options: of a task.
        device: a torch.device.
        more: values in place of the options'.
    """
    import dataclasses

    from maskgen.trainers.probes.setup import ProbeConfig

    fields = {one.name for one in dataclasses.fields(ProbeConfig)}
    given = {name: value for name, value in vars(options).items() if name in fields}
    given |= {"interpolation": options.interpolation or "", "precision": choose_precision(options.device)}
    return ProbeConfig(**{**given, **more, "device": device})


def show_result(result: Mapping[str, Any], *, width: int = 18, whole: bool = False) -> None:
    """Print what a result holds, a line for each value, on rank 0.

    Args:
        result: values by name.
        width: of the names.
        whole: with lists and tables; a table's values stand below its name, further in.
    """
    from maskgen.trainers.distributed.ranks import rank

    values = result if whole else {k: v for k, v in result.items() if not isinstance(v, list | dict)}
    for line in _lines(values, width) if rank() == 0 else ():
        click.echo(line)


def _lines(values: Mapping[str, Any], width: int, indent: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield indent + name
            yield from _lines(value, width, f"{indent}  ")
        else:
            yield f"{indent + name:{width}} {format(value, '.4f') if isinstance(value, float) else value}"


def list_table(module: str, table: str, line: Callable[[str, Any], str]) -> Callable[..., None]:
    """What an option calls that lists a table and ends the command.

    Args:
        module: below ``maskgen.trainers``; imported when it is called.
        table: its name in the module.
        line: of a name in the table and its value to the line that is shown.
    """

    def show(context: click.Context, _: Any) -> None:
        require_package("torch")
        for name, value in getattr(importlib.import_module(f"maskgen.trainers.{module}"), table).items():
            click.echo(line(name, value))
        context.exit()

    return show
