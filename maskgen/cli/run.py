"""`maskgen run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import EXIT_FAULTS
from .options import config_from, run_options, size_text, time_text, without_effect
from .progress import ProgressBar

if TYPE_CHECKING:
    from maskgen.pipelines.running import Outcome, Progress


def _task(_context: click.Context, _option: click.Parameter, value: str) -> tuple[int, int]:
    """``i/N``: the i-th of N jobs, counted from 0."""
    try:
        number, count = (int(part) for part in value.split("/"))
    except ValueError:
        number, count = 1, 0
    if not 0 <= number < count:
        raise click.BadParameter(f"{value!r} is not i/N with 0 <= i < N")
    return number, count


@click.command("run", short_help="Make mask shards from photos; run again to resume.")
@run_options
@click.option("--retry-failed", is_flag=True, help="Make the shards that hold quarantined images again.")
@click.option(
    "--task",
    metavar="i/N",
    callback=_task,
    default="0/1",
    help="Make only every N-th shard, from the i-th on (arrays of jobs).",
)
@click.option("--profile", is_flag=True, help="Say at the end where the workers' time went.")
@click.option("--json", "as_json", is_flag=True, help="Print the totals as one JSON object.")
def command(
    config_file: Path | None,
    retry_failed: bool,
    task: tuple[int, int],
    profile: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Make mask shards from photos.

    The same command resumes an interrupted run; the shards' bytes do not depend on workers, order or kills.

    \b
    maskgen run --dataset folder --input photos/ --output shards/
    maskgen run --dataset imagenet --input /data/imagenet --output shards/ --method u2netp --weights u2netp.pth
    """  # noqa: D301 - click reads the \b
    from ..processes.signals import StopSignals

    with StopSignals() as stop:
        config = config_from(values, config_file)
        from maskgen.pipelines.running import RunOptions, run

        for note in without_effect(config):
            click.echo(f"maskgen: note: {note}", err=True)
        with ProgressBar() as bar:
            options = RunOptions(
                retry_failed=retry_failed,
                task=task,
                report=lambda at: bar.show(at.done, at.planned, progress_text(at)),
                stop=stop,
            )
            outcome = run(config, options)
    for note in outcome.notes:
        click.echo(f"maskgen: note: {note}", err=True)
    _print(outcome, config.output, as_json=as_json)
    if profile:
        for line in profile_lines(outcome):
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
            "planned": whole.planned, "samples": whole.samples, "failed": whole.failed, "shards": len(whole.shards),
            "bytes": whole.tar_bytes, "complete": whole.complete, "seconds": round(progress.seconds, 3),
            "images_per_s": round(progress.rate, 2), "resumed": progress.resumed, "workers": outcome.workers,
            "seconds_by_stage": {name: round(value, 3) for name, value in outcome.seconds_by_stage.items()},
            "device_use": {name: round(share, 3) for name, share in progress.device_use.items()},
        }  # fmt: skip
        click.echo(json.dumps(facts))
        return
    click.echo(
        f"{output}: {whole.samples} samples in {len(whole.shards)} shards ({size_text(whole.tar_bytes)}), "
        f"{whole.failed} quarantined, {whole.planned} planned; "
        f"{progress.rate:.1f} images/s in {time_text(progress.seconds)}"
        + (f", {progress.resumed} images were there already" if progress.resumed else "")
    )


def profile_lines(outcome: Outcome) -> list[str]:
    """Where the workers' time went, a line per stage; `method` includes waiting for a model process."""
    made = outcome.progress.done - outcome.progress.resumed
    whole = outcome.progress.seconds * outcome.workers
    rows = dict(outcome.seconds_by_stage)
    rows["start, end, idle"] = max(0.0, whole - sum(rows.values()))
    lines = [f"{outcome.workers} workers, {time_text(outcome.progress.seconds)}, {made} images"]
    for name, seconds in rows.items():
        each = 1000 * seconds / max(1, made)
        lines.append(
            f"  {name:18}{seconds:9.2f} s {seconds / max(whole, 1e-9):6.1%} {each:8.2f} ms per image"
        )
    lines += [f"  {name:18}{share:.0%} busy" for name, share in outcome.progress.device_use.items()]
    return lines


def progress_text(progress: Progress) -> str:
    """How far a run is, as words; devices with the share of the time that they are busy."""
    parts = [f"{progress.done}/{progress.planned} images, {progress.rate:.1f}/s"]
    if progress.rate:
        parts.append(f"{time_text((progress.planned - progress.done) / progress.rate)} left")
    parts.append(f"{progress.failed} quarantined")
    parts += [f"{device} {share:.0%} busy" for device, share in progress.device_use.items()]
    return ", ".join(parts)
