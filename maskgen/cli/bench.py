"""`maskgen bench`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maskgen.cli.options import config_from, json_option, run_options

if TYPE_CHECKING:
    from maskgen.pipelines.bench import RuntimeRate


@click.group("bench", short_help="How fast this machine is, and which settings follow.")
def command() -> None:
    """Measure on this machine."""


@command.command("stage1")
@run_options
@click.option(
    "--seconds", type=click.FloatRange(0.1, 600), default=2.0, help="Time for each figure.  [default: 2]"
)
@json_option
def stage1(config_file: Path | None, seconds: float, as_json: bool, **values: Any) -> None:
    """Each part of making shards alone: decode, method, background, encode, tar; then every runtime and precision.

    Takes the options of `maskgen run`; of the input up to 100 photos are used (the sample photos without one).

    \b
    maskgen bench stage1 --input photos/ --method u2netp --weights u2netp.pth
    """  # noqa: D301 - click reads the \b
    import dataclasses
    import tempfile

    from maskgen.methods import METHODS
    from maskgen.pipelines import bench
    from maskgen.pipelines.identity import resolve
    from maskgen.pipelines.sources.sample import sample_folder

    with tempfile.TemporaryDirectory() as scratch:
        config = resolve(config_from({**values, "output": scratch}, config_file, dataset="folder"))
        source = Path(config.input) if config.input else sample_folder()
        files = bench.photos_of(source)
        config = dataclasses.replace(config, input=str(source))
        workers = config.workers or len(os.sched_getaffinity(0))
        rates = bench.part_rates(config, files, workers, seconds)
        learned = METHODS[config.method].network
        runtimes = bench.runtime_rates(config, files, seconds) if learned else []
    said = bench.advice(config, rates, runtimes, workers)
    if as_json:
        facts = {
            "workers": workers,
            "images_per_s": {part: round(rate, 2) for part, rate in rates.items()},
            "runtimes": [dataclasses.asdict(one) for one in runtimes],
            "advice": said,
        }
        click.echo(json.dumps(facts))
        return
    click.echo(f"{len(files)} photos of {source}, {workers} workers")
    for part, rate in rates.items():
        click.echo(f"  {part:12}{rate:10.1f} images/s  {1000 * workers / rate:8.2f} ms of a core each")
    for one in runtimes:
        click.echo(_line(one))
    for sentence in said:
        click.echo(sentence)


def _line(one: RuntimeRate) -> str:
    name = f"  {one.runtime} {one.precision}"
    if one.why_not:
        return f"{name:24}{one.why_not}"
    return f"{name:24}{one.rate:8.2f} images/s per core, IoU {one.iou:.4f} with fp32"
