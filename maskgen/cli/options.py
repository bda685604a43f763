"""Click options made from the configuration's fields, and the configuration from what was given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from maskgen.config import RunConfig, load_file, make_config

F = TypeVar("F", bound=Callable[..., Any])
_KINDS: dict[str, Any] = {"str": str, "int": int, "float": float}


def run_options(function: F) -> F:
    """Add one option per field of RunConfig, and `--config`."""
    function = click.option(
        "--config",
        "config_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="TOML file of options.",
    )(function)
    for option in reversed(dataclasses.fields(RunConfig)):
        function = _option(option)(function)
    return function


def _option(option: dataclasses.Field[Any]) -> Callable[[F], F]:
    flag = "--" + option.name.replace("_", "-")
    text = option.metadata["help"]
    if option.default not in (dataclasses.MISSING, "", 0) and option.type != "bool":
        text += f"  [default: {option.default}]"
    if option.type == "bool":
        return click.option(f"{flag}/--no-{flag[2:]}", default=None, help=text)
    choices = option.metadata["choices"]
    kind = click.Choice(choices) if choices else _KINDS[str(option.type)]
    return click.option(flag, type=kind, default=None, help=text)


def config_from(values: dict[str, Any], config_file: Path | None, **defaults: Any) -> RunConfig:
    """Command line over file over default.

    Raises:
        UsageError: an unknown, missing or wrong value.
    """
    given = {name: value for name, value in values.items() if value is not None}
    return make_config({**defaults, **(load_file(config_file) if config_file else {}), **given})


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
