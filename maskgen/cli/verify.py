"""`maskgen verify`."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass
from pathlib import Path

import click

from ..config.options import option
from ..errors import EXIT_FAULTS
from ..shards import naming
from .options import DataFolder, Json, click_command
from .progress import ProgressBar


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """Options of `maskgen verify`."""

    data: DataFolder = option(MISSING, "Folder of the data set.")
    quick: bool = option(False, "Check files, sizes, seals and counts only.")
    full: bool = option(False, "Also decode every sample and recompute its loader members.")
    repair: bool = option(False, "Withdraw faulty shards, so that maskgen run makes them again.")
    as_json: Json = option(False, "Print one JSON object.")


@click_command("verify", VerifyOptions)
def command(options: VerifyOptions) -> None:
    """Check the data set in folder DATA.

    Every byte against the manifest's SHA-256, tar, index and table against each other.

    Exit status 1 when faults were found.
    """
    from ..shards import verify

    if options.repair:
        _repair(options.data)
        return
    level = "full" if options.full else "quick" if options.quick else "hashes"
    with ProgressBar() as bar:
        report = verify.verify(
            options.data, level, lambda count: bar.show(count, 0, f"{count} shards checked")
        )
    if options.as_json:
        faults = [{"where": fault.where, "text": fault.text} for fault in report.faults]
        facts = {
            "level": report.level,
            "shards": report.shards,
            "samples": report.samples,
            "failed": report.failed,
        }
        click.echo(json.dumps({**facts, "faults": faults}))
    else:
        for fault in report.faults:
            click.echo(f"{fault.where}: {fault.text}")
        click.echo(
            f"{report.shards} shards, {report.samples} samples checked ({report.level}): "
            f"{len(report.faults)} faults"
        )
    raise SystemExit(EXIT_FAULTS if report.faults else 0)


def _repair(data: Path) -> None:
    """Withdraw faulty shards and move foreign files aside, a line for each."""
    from ..shards import foreign_files, verify

    withdrawn = verify.repair(data)
    for name in withdrawn:
        click.echo(f"withdrawn: {name}")
    for name in foreign_files.set_aside(data):
        click.echo(f"moved to {naming.SET_ASIDE}/: {name}")
    click.echo(
        f"{len(withdrawn)} shards withdrawn" + ("; run maskgen run again to make them" if withdrawn else "")
    )
