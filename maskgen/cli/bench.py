"""`maskgen bench`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .loader_options import open_with_photos, photos_option, recipe_named
from .options import config_from, data_argument, json_option, run_options
from .terminal import own_options

if TYPE_CHECKING:
    from maskgen.loaders.inspect.bench import LoaderRate
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

    from maskgen.pipelines import bench
    from maskgen.pipelines.resolve import resolve
    from maskgen.pipelines.sources.sample import sample_folder

    with tempfile.TemporaryDirectory() as scratch:
        wanted = config_from({**values, "output": scratch}, config_file, dataset="folder")
        source = Path(wanted.input) if wanted.input else sample_folder()
        files = bench.photos_of(source)
        config = resolve(dataclasses.replace(wanted, input=str(source)))
        workers = wanted.workers or len(os.sched_getaffinity(0))
        click.echo(f"each part on {workers} cores, about {5 * seconds + 15:.0f} s ...", err=True)
        rates = bench.part_rates(config, files, workers, seconds)
        if config.is_learned:
            click.echo("each runtime and precision on one core, a minute or two ...", err=True)
        runtimes = bench.runtime_rates(config, files, seconds) if config.is_learned else []
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


@command.command("loader")
@data_argument
@click.option(
    "--recipe",
    "names",
    multiple=True,
    default=("mocov2", "mocov2-bg-rm", "mocov2-bg-random", "mocov2-bg-swaps"),
    help="May be given several times; `maskgen preview --views list` names them.  [default: mocov2 and its three bg-]",
)
@click.option(
    "--batch-size", type=click.IntRange(2, 8192), default=64, help="Images per batch.  [default: 64]"
)
@click.option(
    "--threads",
    type=click.IntRange(1, 512),
    default=None,
    help="CPU threads.  [default: one per core]",
)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="[default: cpu]")
@click.option(
    "--seconds", type=click.FloatRange(0.1, 600), default=5.0, help="Time for each figure.  [default: 5]"
)
@click.option("--torch", "torch", is_flag=True, help="Also measure the loader without DALI.")
@photos_option
@json_option
def loader(data: Path, names: tuple[str, ...], photos: Path | None, as_json: bool, **given: Any) -> None:
    """How many images per second the loader gives a trainer, for each recipe, and what decoding alone allows.

    \b
    maskgen bench loader shards/ --recipe mocov2 --recipe relicv2 --threads 8
    """  # noqa: D301 - click reads the \b
    import dataclasses

    recipes = {name: recipe_named(name) for name in names}
    with own_options():
        dataset = open_with_photos(data, photos)
    from maskgen.loaders.inspect import bench

    available = bench.cores()
    threads = given["threads"] or available
    setting = bench.LoaderSetting(
        dataset=dataset, batch_size=given["batch_size"], threads=threads, device=given["device"]
    )
    with own_options():
        rates = bench.loader_rates(setting, recipes, given["seconds"], torch=given["torch"])
    said = bench.advice(setting, rates, available, bench.short_side(dataset))
    if as_json:
        facts = {
            "samples": dataset.samples,
            "batch_size": setting.batch_size,
            "threads": threads,
            "cores": available,
            "device": setting.device,
            "rates": [dataclasses.asdict(rate) for rate in rates],
            "advice": said,
        }
        click.echo(json.dumps(facts))
        return
    click.echo(
        f"{dataset.samples} photos, batches of {setting.batch_size}, {threads} threads, {setting.device}"
    )
    for line in _rate_lines(rates):
        click.echo(line)
    for sentence in said:
        click.echo(sentence)


def _rate_lines(rates: list[LoaderRate]) -> list[str]:
    lines = [
        f"  {'recipe':18}{'loader':8}{'images/s':>10}{'views/s':>10}{'CPU ms/image':>14}{'of decoding':>13}"
    ]
    for rate in rates:
        views = f"{rate.views_per_s:10.1f}" if rate.views_per_s else f"{'':10}"
        lines.append(
            f"  {rate.recipe:18}{rate.loader:8}{rate.images_per_s:10.1f}{views}{rate.cpu_ms:14.2f}"
            f"{rate.of_decode:13.1%}"
        )
    return lines
