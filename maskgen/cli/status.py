"""`maskgen status`."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass

import click

from ..config.counted import counted
from ..config.options import option
from ..errors import UsageError
from ..io.storage.location import Location, lacks_bucket, no_bucket
from .options import DataFolder, Json, click_command

_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class StatusOptions:
    """Options of `maskgen status`."""

    data: DataFolder = option(MISSING, "Folder of the data set, or its address (s3://...).")
    as_json: Json = option(False, "Print one JSON object.")


@click_command("status", StatusOptions)
def command(options: StatusOptions) -> None:
    """How far the run in folder DATA is, and every quarantined image with its reason.

    Without --json the first 20 quarantined images are printed.
    """
    from maskgen.pipelines.running import failures

    from ..shards import manifest, naming
    from ..shards.plan import read_plan

    data = options.data
    if not (data / naming.PLAN).is_file():
        raise _no_run(data, copied=(data / naming.MANIFEST).is_file())
    head = read_plan(data)
    whole = manifest.build(data, head)
    failed = list(failures(data))
    facts = {
        "planned": whole.planned,
        "samples": whole.samples,
        "failed": whole.failed,
        "shards_done": len(whole.shards),
        "shards": len(head.shards),
        "complete": whole.complete,
        "manifest_complete": whole.complete and manifest.is_written(data, whole),
        "notes": list(head.notes),
    }
    if options.as_json:
        click.echo(json.dumps({**facts, "failures": failed}))
        return
    state = "complete" if whole.complete else "not complete: run the same command again to resume"
    if whole.complete and not facts["manifest_complete"]:
        state = f"complete, but not in {naming.MANIFEST}: run the same command again, of tasks any one"
    click.echo(f"{len(whole.shards)} of {counted(len(head.shards), 'shard')}, {state}")
    click.echo(f"{counted(whole.samples, 'sample')}, {whole.failed} quarantined, {whole.planned} planned")
    for note in head.notes:
        click.echo(f"note: {note}")
    for row in failed[:_SHOWN]:
        click.echo(f"{row['shard']} {row['key']} ({row['path']}): {row['error']}")
    if len(failed) > _SHOWN:
        click.echo(f"... {len(failed) - _SHOWN} more: --json lists all")


def _no_run(data: Location, *, copied: bool) -> UsageError:
    if lacks_bucket(data):
        return no_bucket(data)
    if copied:
        return UsageError(
            "no run is here, only its shards",
            where=str(data),
            cause="a copy without plan.json, which status compares the shards with",
            remedy="maskgen info and maskgen verify say what the copy holds",
        )
    return UsageError(
        "no run is here",
        where=str(data),
        cause="not the --output of a maskgen run",
        remedy="give the folder that holds plan.json",
    )
