"""`maskgen verify`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..errors import EXIT_FAULTS
from ..shards import naming
from .options import data_argument, json_option
from .progress import ProgressBar


@click.command("verify", short_help="Check shards against their manifest.")
@data_argument
@click.option("--quick", "level", flag_value="quick", help="Files, sizes, seals and counts only.")
@click.option(
    "--full", "level", flag_value="full", help="Also decode every sample and recompute its loader members."
)
@click.option("--repair", is_flag=True, help="Withdraw faulty shards, so that maskgen run makes them again.")
@json_option
def command(data: Path, level: str | None, repair: bool, as_json: bool) -> None:
    """Check the data set in folder DATA: every byte against the manifest's SHA-256, tar, index and table against each other.

    Exit status 1 when faults were found.
    """
    from ..shards import foreign_files, verify

    if repair:
        withdrawn = verify.repair(data)
        for name in withdrawn:
            click.echo(f"withdrawn: {name}")
        for name in foreign_files.set_aside(data):
            click.echo(f"moved to {naming.SET_ASIDE}/: {name}")
        click.echo(
            f"{len(withdrawn)} shards withdrawn"
            + ("; run maskgen run again to make them" if withdrawn else "")
        )
        return
    with ProgressBar() as bar:
        report = verify.verify(
            data, level or "hashes", lambda count: bar.show(count, 0, f"{count} shards checked")
        )
    if as_json:
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
            f"{report.shards} shards, {report.samples} samples checked ({report.level}): {len(report.faults)} faults"
        )
    raise SystemExit(EXIT_FAULTS if report.faults else 0)
