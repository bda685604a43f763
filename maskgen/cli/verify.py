"""`maskgen verify`."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, replace
from typing import TYPE_CHECKING

import click

from ..config.counted import counted
from ..config.options import option
from ..errors import EXIT_FAULTS
from ..io.storage.location import Location, require_folder
from ..shards import naming
from .options import DataFolder, Json, click_command
from .progress import ProgressBar

if TYPE_CHECKING:
    from ..shards import Fault


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """Options of `maskgen verify`."""

    data: DataFolder = option(MISSING, "Folder of the data set, or its address (s3://...).")
    quick: bool = option(False, "Check files, sizes, seals and counts only.")
    full: bool = option(False, "Also decode every sample and recompute its loader members.")
    source: str | None = option(
        None, "The run's --input: compare every photo with the SHA-256 that it had when its shard was made."
    )
    repair: bool = option(False, "Withdraw faulty shards, so that maskgen run makes them again.")
    as_json: Json = option(False, "Print one JSON object.")


@click_command("verify", VerifyOptions)
def command(options: VerifyOptions) -> None:
    """Check the data set in folder DATA.

    Every byte against the manifest's SHA-256, tar, index and table against each other.

    Exit status 1 when faults were found.

    With --source and --repair, shards whose photos have changed are withdrawn too.
    """
    from ..shards import verify

    require_folder(options.data)
    if options.repair:
        _repair(options.data, options.source)
        return
    level = "full" if options.full else "quick" if options.quick else "hashes"
    photos: dict[str, int] = {}
    with ProgressBar() as bar:
        report = verify.verify(
            options.data, level, lambda count: bar.show(count, 0, counted(count, "shard") + " checked")
        )
        if options.source:
            changed, photos["photos"] = _changed(options.data, options.source, bar)
            report = replace(report, faults=(*report.faults, *changed))
    if options.as_json:
        faults = [{"where": fault.where, "text": fault.text} for fault in report.faults]
        facts = {
            "level": report.level,
            "shards": report.shards,
            "samples": report.samples,
            "failed": report.failed,
            **photos,
        }
        click.echo(json.dumps({**facts, "faults": faults}))
    else:
        for fault in report.faults:
            click.echo(f"{fault.where}: {fault.text}")
        compared = f", {counted(photos['photos'], 'photo')} compared with {options.source}" if photos else ""
        click.echo(
            f"{counted(report.shards, 'shard')}, {counted(report.samples, 'sample')} checked "
            f"({report.level}){compared}: {counted(len(report.faults), 'fault')}"
        )
    raise SystemExit(EXIT_FAULTS if report.faults else 0)


def _changed(data: Location, source: str, bar: ProgressBar) -> tuple[list[Fault], int]:
    """The photos that are not what they were, and how many were compared."""
    from maskgen.pipelines.source_check import check_source

    compared = 0

    def tick(count: int) -> None:
        nonlocal compared
        compared = count
        bar.show(count, 0, counted(count, "photo") + " compared")

    return list(check_source(data, source, tick)), compared


def _repair(data: Location, source: str | None) -> None:
    """Withdraw faulty shards and move foreign files aside, a line for each."""
    from ..shards import verify
    from ..shards.destination import open_destination

    with open_destination(data) as destination:
        withdrawn = verify.repair_at(destination)
        if source:
            with ProgressBar() as bar:
                changed = sorted({fault.where for fault in _changed(data, source, bar)[0]})
            for name in changed:
                destination.withdraw(name)
            destination.write_manifest()
            withdrawn += changed
        for name in withdrawn:
            known = destination.knows_table(name)
            click.echo(
                f"withdrawn: {name}"
                + ("" if known else ", its table damaged: changed photos will not be told")
            )
        for name in destination.set_aside():
            click.echo(f"moved to {naming.SET_ASIDE}/: {name}")
    click.echo(
        counted(len(withdrawn), "shard")
        + " withdrawn"
        + ("; run maskgen run again to make them" if withdrawn else "")
    )
