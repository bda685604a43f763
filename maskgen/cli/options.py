"""Click options made from the configuration's fields, and the configuration from what was given."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from ..config.options import Option, options_of
from ..config.run_config import RunConfig, load_file, make_config
from ..errors import EnvironmentFault

F = TypeVar("F", bound=Callable[..., Any])


def run_options(function: F) -> F:
    """Add one option per field of RunConfig, and `--config`."""
    function = click.option(
        "--config",
        "config_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="TOML file of options.",
    )(function)
    for one in reversed(list(options_of(RunConfig).values())):
        function = _click_option(one)(function)
    return function


def _click_option(one: Option) -> Callable[[F], F]:
    text = one.help
    if one.default and one.kind is not bool:
        text += f"  [default: {one.default}]"
    if one.kind is bool:
        return click.option(f"{one.flag}/--no-{one.flag[2:]}", default=None, help=text)
    kind = click.Choice(one.choices) if one.choices else one.kind
    return click.option(one.flag, type=kind, default=None, help=text)


def config_from(values: dict[str, Any], config_file: Path | None, **defaults: Any) -> RunConfig:
    """Command line over file over default.

    Raises:
        UsageError: an unknown, missing or wrong value.
    """
    given = {name: value for name, value in values.items() if value is not None}
    return make_config({**defaults, **(load_file(config_file) if config_file else {}), **given})


ENDINGS = (".png", ".jpg", ".jpeg")
"""Of a picture to write."""

_OF_NETWORKS = (
    "weights", "weights_sha256", "network", "runtime", "precision", "force_precision", "compile", "model_process",
    "batch_size", "resize", "device", "devices",
)  # fmt: skip
_OF_BACKGROUNDS = ("background_side", "background_store", "background_quality")
_OF_TFRECORDS = ("image_feature", "label_feature", "name_feature")


def without_effect(config: RunConfig) -> Iterator[str]:
    """A sentence for each kind of option that was given and that this run does not use."""
    from ..methods import METHODS

    fields = dataclasses.fields(RunConfig)
    given = {option.name for option in fields if getattr(config, option.name) != option.default}
    rules = (
        (METHODS[config.method].network, _OF_NETWORKS, f"{config.method} has no network"),
        (config.method == "onnx", ("network",), "it describes an onnx model"),
        (config.device == "cuda", ("devices",), "the device is the CPU"),
        (config.background != "none", _OF_BACKGROUNDS, "no backgrounds are made"),
        (config.dataset == "folder", ("labels",), "the data set is no folder"),
        (config.dataset == "jft", _OF_TFRECORDS, "the data set is not jft"),
    )
    for used, names, why in rules:
        unused = [] if used else [name for name in names if name in given]
        given -= set(unused)
        if unused:
            flags = ", ".join("--" + name.replace("_", "-") for name in unused)
            yield f"{flags}: no effect, {why}"


class OutputFile(click.Path):
    """A file to write, refused before the work unless its ending says what will be in it.

    Args:
        endings: the endings that are allowed.
    """

    def __init__(self, *endings: str) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)
        self._endings = endings

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, after its folder has been made."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.suffix.lower() not in self._endings:
            self.fail(f"{str(path)!r} does not end in {' or '.join(self._endings)}", param, ctx)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):
            raise EnvironmentFault(
                "cannot write into a folder", where=str(path.parent), cause="no permission"
            )
        return path


def data_argument(function: F) -> F:
    """The folder of shards, as an argument named `data`."""
    return click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))(function)


def json_option(function: F) -> F:
    """`--json`: one JSON object on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(function)


def size_text(count: float) -> str:
    """A number of bytes for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.3g} {unit}" if unit != "B" else f"{int(count)} B"
        count /= 1000
    return f"{count:.3g} TB"


def time_text(seconds: float) -> str:
    """A duration for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if minutes < 60 else f"{hours:.1f} h"
