"""`maskgen run`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maskgen.cli.options import config_from, run_options, size_text, time_text
from maskgen.errors import EXIT_FAULTS

if TYPE_CHECKING:
    from maskgen.pipelines.run import Outcome, Progress

_LINE_EVERY_S = 30.0


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
@click.option("--json", "as_json", is_flag=True, help="Print the totals as one JSON object.")
def command(
    config_file: Path | None, retry_failed: bool, task: tuple[int, int], as_json: bool, **values: Any
) -> None:
    """Make mask shards from photos.

    The same command resumes an interrupted run; the shards' bytes do not depend on workers, order or kills.

    \b
    maskgen run --dataset folder --input photos/ --output shards/
    maskgen run --dataset imagenet --input /data/imagenet --output shards/ --method u2netp --weights u2netp.pth
    """  # noqa: D301 - click reads the \b
    from maskgen.pipelines.signals import StopSignals

    with StopSignals() as stop:
        config = config_from(values, config_file)
        from maskgen.pipelines.run import RunOptions, run

        bar = _Bar()
        outcome = run(config, RunOptions(retry_failed=retry_failed, task=task, report=bar.show, stop=stop))
        bar.close()
    for note in outcome.notes:
        click.echo(f"maskgen: note: {note}", err=True)
    _print(outcome, config.output, as_json=as_json)
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
            "images_per_s": round(progress.rate, 2), "resumed": progress.resumed,
        }  # fmt: skip
        click.echo(json.dumps(facts))
        return
    click.echo(
        f"{output}: {whole.samples} samples in {len(whole.shards)} shards ({size_text(whole.tar_bytes)}), "
        f"{whole.failed} quarantined, {whole.planned} planned; "
        f"{progress.rate:.1f} images/s in {time_text(progress.seconds)}"
        + (f", {progress.resumed} images were there already" if progress.resumed else "")
    )


class _Bar:
    """A progress bar on a terminal, a line every 30 s elsewhere; both on stderr."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = time.monotonic()

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last < (0.5 if self._terminal else _LINE_EVERY_S):
            return
        self._last = now
        left = (progress.planned - progress.done) / progress.rate if progress.rate else 0.0
        text = (
            f"{progress.done}/{progress.planned} images, {progress.rate:.1f}/s, "
            f"{time_text(left)} left, {progress.failed} quarantined"
        )
        click.echo(
            f"\r\033[K{_bar(progress)} {text}" if self._terminal else text, err=True, nl=not self._terminal
        )

    def close(self) -> None:
        if self._terminal:
            click.echo("\r\033[K", err=True, nl=False)


def _bar(progress: Progress, width: int = 24) -> str:
    full = int(width * progress.done / max(1, progress.planned))
    return f"[{'#' * full}{'.' * (width - full)}]"
