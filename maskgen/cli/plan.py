"""`maskgen plan`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ..config.counted import counted
from ..config.options import option
from ..io.storage.address import is_address
from ..processes.cores import usable_cores
from .options import Json, click_command, nested
from .run_options import ConfigOptions
from .units import format_size, format_time

if TYPE_CHECKING:
    from maskgen.pipelines.resolve import ResolvedConfig

    from ..config.run_config import RunConfig
    from ..io.storage.location import Location
    from ..shards.plan import Plan

_PROBES = 6


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """Options of `maskgen plan`."""

    config: ConfigOptions = nested(ConfigOptions)
    recheck: bool = option(
        False,
        "List the source again and compare it with the plan in the output folder, else that is trusted.",
    )
    as_json: Json = option(False, "Print one JSON object.")


@click_command("plan", PlanOptions)
def command(options: PlanOptions) -> None:
    """Show what `maskgen run` with the same options would make: shards, bytes, time, first keys.

    Time and bytes come from running a few of the images. With --output the plan is written there, once for
    all tasks: runs with the same options trust it and do not list the source again.

    \b
    maskgen plan --dataset jft --input /data/jft --output shards/
    maskgen run  --dataset jft --input /data/jft --output shards/ --task auto
    """  # noqa: D301 - click reads the \b
    from maskgen.pipelines.planning import check_apart

    from ..shards.plan import shard_rows

    with tempfile.TemporaryDirectory() as scratch:
        wanted = options.config.resolve(defaults={"output": scratch})
        is_kept = wanted.output != scratch
        if is_kept:
            check_apart(wanted)
        with _planned(wanted, recheck=options.recheck) as (config, plan, rows):
            keys = [image.sample.key for image in shard_rows(rows, 0)[:5]]
            bytes_each, seconds_each = _probe(config, plan, rows)
    workers = config.options.workers or usable_cores()
    facts: dict[str, Any] = {
        "images": plan.images,
        "shards": len(plan.shards),
        "first_shard": plan.shards[0].name,
        "last_shard": plan.shards[-1].name,
        "source_bytes": plan.source_bytes,
        "estimated_bytes": round(bytes_each * plan.images),
        "estimated_seconds": round(seconds_each * plan.images / workers, 1),
        "workers": workers,
        "first_keys": keys,
        "members": list(plan.members),
        "fingerprint": plan.fingerprint,
        "notes": list(plan.notes),
    }
    if is_kept:
        facts["written"] = wanted.output
    if is_kept and not is_address(wanted.output):
        facts["free_bytes"] = shutil.disk_usage(wanted.output).free
    if options.as_json:
        click.echo(json.dumps(facts))
        return
    _print(facts)


@contextlib.contextmanager
def _planned(wanted: RunConfig, *, recheck: bool) -> Iterator[tuple[ResolvedConfig, Plan, Location]]:
    """The run resolved, its plan, and where the table of that is."""
    from maskgen.pipelines.planning import prepare
    from maskgen.pipelines.resolve import resolve

    from ..shards.destination import open_destination

    with open_destination(wanted.output) as destination:
        config = resolve(dataclasses.replace(wanted, output=str(destination.folder)))
        find_rows = partial(destination.target.rows, destination.folder)
        plan = prepare(config, find_rows(), recheck=recheck)
        destination.claim(plan)
        yield config, plan, find_rows()


def _print(facts: dict[str, Any]) -> None:
    free = f" ({format_size(facts['free_bytes'])} free)" if "free_bytes" in facts else ""
    click.echo(f"images      {facts['images']} ({format_size(facts['source_bytes'])} of source)")
    click.echo(f"shards      {facts['shards']}: {facts['first_shard']} .. {facts['last_shard']}")
    click.echo(f"disk        about {format_size(facts['estimated_bytes'])} needed{free}")
    time = format_time(facts["estimated_seconds"])
    click.echo(f"time        about {time} with {counted(facts['workers'], 'worker')}")
    click.echo(f"members     {' '.join(facts['members'])}")
    click.echo(f"first keys  {' '.join(facts['first_keys'])}")
    click.echo(f"fingerprint {facts['fingerprint']}")
    for note in facts["notes"]:
        click.echo(f"note        {note}")
    if "written" in facts:
        click.echo(f"written     {facts['written']}: maskgen run with the same options makes its shards")
    if facts.get("free_bytes", facts["estimated_bytes"]) < facts["estimated_bytes"]:
        click.echo("maskgen: the disk is too small for this plan", err=True)


def _probe(config: ResolvedConfig, plan: Plan, place: Location) -> tuple[float, float]:
    """Bytes and seconds per image, from a few images spread over the plan, in this process."""
    from maskgen.pipelines.shard.stages import Quarantined, Stages

    from ..processes.watch import IDLE, Watch
    from ..shards.plan import shard_rows

    stages = Stages(dataclasses.replace(config, model_process=False), plan.members)
    watch = Watch(list(IDLE))
    total, seconds, count = 0, 0.0, 0
    for number in sorted({round(i * (len(plan.shards) - 1) / _PROBES) for i in range(_PROBES + 1)}):
        rows = shard_rows(place, number)
        for image in rows[:: max(1, len(rows) // 3)][:3]:
            started = time.perf_counter()
            result = stages.finish(stages.mask(stages.decode(image)), watch)
            if not isinstance(result, Quarantined):
                total += sum(len(data) + 512 + -len(data) % 512 for _, data in result[0].members)
                seconds += time.perf_counter() - started if count else 0.0  # the first one pays the imports
                count += 1
    return total / max(1, count), seconds / max(1, count - 1)
