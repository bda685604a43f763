"""`maskgen run`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from ..config.counted import counted
from ..config.options import option
from ..errors import EXIT_FAULTS
from .kinds import Task
from .options import Json, Spelling, click_command, nested
from .progress import ProgressBar
from .run_options import ConfigOptions, find_unused
from .units import format_size, format_time
from .weights import fetch_note, show_download

if TYPE_CHECKING:
    from maskgen.pipelines.running import Outcome, Progress


_NODES_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class RunCommandOptions:
    """Options of `maskgen run`."""

    config: ConfigOptions = nested(ConfigOptions)
    retry_failed: bool = option(False, "Make the shards that hold quarantined images again.", group="safety")
    recheck: bool = option(
        False,
        "List the source again and compare it with the plan in the output folder, else that is trusted.",
        group="safety",
    )
    task: Annotated[tuple[int, int] | None, Spelling(metavar="i/N|auto", kind=Task())] = option(
        None,
        "Make only every N-th shard, from the i-th on; auto: as the Slurm array or the Indexed Job says.",
        group="machine",
    )
    profile: bool = option(False, "Print at the end where the workers' time went.")
    as_json: Json = option(False, "Print the totals as one JSON object.")


@click_command("run", RunCommandOptions)
def command(options: RunCommandOptions) -> None:
    """Make mask shards from photos.

    The same command resumes an interrupted run and makes no finished photo again; the shards' bytes do not
    depend on workers, order or kills.

    \b
    maskgen run --dataset folder --input photos/ --output shards/
    maskgen run --dataset imagenet --input /data/imagenet --output shards/ --method u2netp
    """  # noqa: D301 - click reads the \b
    from ..processes.signals import StopSignals

    with StopSignals() as stop:
        config = options.config.resolve()
        from maskgen.pipelines.running import RunOptions, run

        for note in find_unused(config):
            click.echo(f"maskgen: note: {note}", err=True)
        with ProgressBar() as bar:
            steering = RunOptions(
                retry_failed=options.retry_failed,
                recheck=options.recheck,
                task=options.task or (0, 1),
                report=lambda at: bar.show(at.done, at.planned, describe_progress(at)),
                say=bar.say,
                stop=stop,
                fetching=show_download(bar, "" if config.weights else fetch_note(config.method)),
            )
            outcome = run(config, steering)
    for note in outcome.notes:
        click.echo(f"maskgen: note: {note}", err=True)
    _print(outcome, config.output, as_json=options.as_json)
    if options.profile:
        for line in describe_profile(outcome):
            click.echo(line, err=True)
    if outcome.exit_code == EXIT_FAULTS:
        click.echo(
            f"maskgen: over the failure budget of {config.max_failures}: maskgen status {config.output}",
            err=True,
        )
    raise SystemExit(outcome.exit_code)


def _print(outcome: Outcome, output: str, *, as_json: bool) -> None:
    whole, progress = outcome.manifest, outcome.progress
    if as_json:
        import json

        facts = {
            "planned": whole.planned,
            "samples": whole.samples,
            "failed": whole.failed,
            "shards": len(whole.shards),
            "bytes": whole.tar_bytes,
            "complete": whole.complete,
            "seconds": round(progress.seconds, 3),
            "images_per_s": round(progress.rate, 2),
            "resumed": progress.resumed,
            "workers": outcome.workers,
            "seconds_by_stage": {name: round(value, 3) for name, value in outcome.seconds_by_stage.items()},
            "device_use": {name: round(share, 3) for name, share in progress.device_use.items()},
            "images_per_s_by_node": {name: round(rate, 2) for name, rate in progress.node_rates.items()},
        }
        click.echo(json.dumps(facts))
        return
    made = progress.done > progress.resumed
    pace = (
        f"{progress.rate:.1f} images/s in {format_time(progress.seconds)}" if made else "nothing left to make"
    )
    there = counted(progress.resumed, "image was", "images were") + " there already"
    click.echo(
        f"{output}: {counted(whole.samples, 'sample')} in {counted(len(whole.shards), 'shard')} "
        f"({format_size(whole.tar_bytes)}), "
        f"{whole.failed} quarantined, {whole.planned} planned; {pace}"
        + (f", {there}" if progress.resumed else "")
    )
    if whole.complete:
        click.echo(f"see them: maskgen report {shlex.quote(output)}")


def describe_profile(outcome: Outcome) -> list[str]:
    """Where the workers' time went, a line per stage; `method` includes waiting for a model process."""
    made = outcome.progress.done - outcome.progress.resumed
    whole = outcome.progress.seconds * outcome.workers
    rows = dict(outcome.seconds_by_stage)
    rows["start, end, idle"] = max(0.0, whole - sum(rows.values()))
    time = format_time(outcome.progress.seconds)
    lines = [f"{counted(outcome.workers, 'worker')}, {time}, {counted(made, 'image')}"]
    for name, seconds in rows.items():
        each = 1000 * seconds / max(1, made)
        lines.append(
            f"  {name:18}{seconds:9.2f} s {seconds / max(whole, 1e-9):6.1%} {each:8.2f} ms per image"
        )
    lines += [
        f"  {name:18}computes {share:.0%} of the time" for name, share in outcome.progress.device_use.items()
    ]
    return lines


def describe_progress(progress: Progress) -> str:
    """How far a run is, as words; for ``cpu`` the share is the mean over the processes."""
    parts = [f"{progress.done}/{progress.planned} images, {progress.rate:.1f}/s"]
    if progress.rate:
        parts.append(f"{format_time((progress.planned - progress.done) / progress.rate)} left")
    if rates := progress.node_rates.values():
        some = " ".join(f"{rate:.1f}" for rate in list(rates)[:_NODES_SHOWN])
        more = " ..." if len(rates) > _NODES_SHOWN else ""
        parts.append(f"{counted(len(rates), 'node')} ({some}{more} images/s)")
    parts.append(f"{progress.failed} quarantined")
    parts += [f"{device} computes {share:.0%} of the time" for device, share in progress.device_use.items()]
    return ", ".join(parts)
