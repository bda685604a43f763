"""`maskgen weights`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Annotated, Any

import click

from ..config.options import option
from ..config.suggest import nearest
from ..errors import EXIT_FAULTS, UsageError
from .options import Json, Spelling, click_command
from .progress import ProgressBar
from .terminal import echo_err
from .units import format_size

Name = Annotated[str, Spelling(argument=True)]


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """Options of `maskgen weights list`."""

    as_json: Json = option(False, "Print one JSON object.")


@dataclass(frozen=True, kw_only=True)
class GetOptions:
    """Options of `maskgen weights get`."""

    name: Name = option(MISSING, "Which network.")
    accept_license: bool = option(
        False, "Take weights whose license forbids commercial use; the message without this says where it is."
    )


@dataclass(frozen=True, kw_only=True)
class PathOptions:
    """Options of `maskgen weights path`."""

    name: Name = option(MISSING, "Which network.")


@click.group("weights")
def command() -> None:
    """Published networks that `maskgen run --method NAME` fetches by name: list, get, path.

    Their files lie in the folder of the environment variable MASKGEN_WEIGHTS, or else in the user's cache;
    one that was put there by hand is used as well. Every file is checked against the SHA-256 that is known.
    """


@click_command("list", ListOptions, command)
def list_command(options: ListOptions) -> None:
    """The networks: size, license, and whether the file is here."""
    from ..io.download import cache_folder

    rows = known_facts()
    if options.as_json:
        click.echo(json.dumps({"folder": str(cache_folder()), "networks": rows}))
        return
    for row in rows:
        here = "here" if row["here"] else ""
        click.echo(f"{row['name']:18} {format_size(row['bytes']):>8}  {here:5} {row['license']}")
    click.echo(f"folder: {cache_folder()}")


@click_command("get", GetOptions, command)
def get_command(options: GetOptions) -> None:
    """Fetch the weights of network NAME, unless they are here, and print their path."""
    from maskgen.pipelines.weights import fetch_known

    from ..processes.signals import StopSignals

    name = _known_name(options.name)
    with StopSignals(), ProgressBar() as bar:
        told = show_download(bar, fetch_note(name))
        path = fetch_known(name, accept_license=options.accept_license, progress=told)
    click.echo(str(path))


@click_command("path", PathOptions, command)
def path_command(options: PathOptions) -> int:
    """Print where the weights of network NAME lie, or belong; exit status 1 when they are not there."""
    from maskgen.pipelines.weights import known_path

    path = known_path(_known_name(options.name))
    click.echo(str(path))
    if path.is_file():
        return 0
    echo_err(f"maskgen: note: not there yet; maskgen weights get {options.name} fetches it")
    return EXIT_FAULTS


def known_facts() -> list[dict[str, Any]]:
    """What is known of every network, and whether a file of its size is in the folder of weights."""
    from maskgen.pipelines.weights import known_path

    from ..methods.networks.known import KNOWN_NETWORKS

    return [
        {
            "name": name,
            "summary": known.summary,
            "bytes": known.size,
            "sha256": known.sha256,
            "published": known.published,
            "license": known.license,
            "terms": known.terms,
            "non_commercial": known.non_commercial,
            "address": known.address,
            "path": str(known_path(name)),
            "here": _has_size(known_path(name), known.size),
        }
        for name, known in KNOWN_NETWORKS.items()
    ]


def show_download(bar: ProgressBar, note: str = "") -> Callable[[int, int], None]:
    """What draws how far a download of weights is.

    Args:
        bar: that is drawn.
        note: told once a download has begun; what is refused, or is here, is not spoken of.
    """
    untold = [note] if note else []

    def show(done: int, total: int) -> None:
        if not done and not total:
            bar.clear()
            echo_err("maskgen: note: another process fetches weights; waiting for it")
            return
        if untold:
            bar.clear()
            echo_err(f"maskgen: note: {untold.pop()}")
        size = f"{format_size(done)} of {format_size(total)}" if total else format_size(done)
        bar.show(done, total, f"fetching weights: {size}")

    return show


def fetch_note(name: str) -> str:
    """What will be fetched for a method, under which license; empty where nothing will."""
    facts = next((row for row in known_facts() if row["name"] == name and not row["here"]), None)
    if facts is None:
        return ""
    size, terms = format_size(facts["bytes"]), f"{facts['license']} ({facts['terms']})"
    return f"the weights of {name}, {size}, are fetched from {facts['address']}; license: {terms}"


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _known_name(name: str) -> str:
    from ..methods.networks.known import KNOWN_NETWORKS

    if name not in KNOWN_NETWORKS:
        raise UsageError(f"no network is known as {name!r}", remedy=nearest(name, list(KNOWN_NETWORKS)))
    return name
