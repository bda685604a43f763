"""`maskgen bench`."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from ..config.bounds import between
from ..config.counted import counted
from ..config.options import option
from ..io.storage.location import Location, open_location
from ..processes.cores import usable_cores
from .kinds import PlaceKind
from .loader_options import find_recipe, open_with_photos
from .options import DataFolder, Json, Spelling, click_command, nested
from .run_options import ConfigOptions
from .terminal import own_options

if TYPE_CHECKING:
    from maskgen.loaders.inspect.bench import LoaderRate
    from maskgen.pipelines.bench import RuntimeRate
    from maskgen.pipelines.budget.measure import Budget


@click.group("bench")
def command() -> None:
    """Measure on this machine."""


@dataclass(frozen=True, kw_only=True)
class StageOneOptions:
    """Options of `maskgen bench stage1`."""

    config: ConfigOptions = nested(ConfigOptions)
    seconds: float = option(2.0, "Time for each figure, seconds.", bounds=between(0.1, 600), unit="s")
    budget: bool = option(
        False, "Say where a worker's CPU time goes, part by part, each against the library call for it."
    )
    as_json: Json = option(False, "Print one JSON object.")


@click_command("stage1", StageOneOptions, command)
def stage1(options: StageOneOptions) -> None:
    """Each part of making shards alone: decode, method, background, encode, tar.

    Then every runtime and precision. With --budget one worker's CPU time instead, part by part.

    Takes the options of `maskgen run`; of the input up to 100 photos are used (the sample photos without
    one).

    \b
    maskgen bench stage1 --input photos/ --method u2netp --weights u2netp.pth
    """  # noqa: D301 - click reads the \b
    import dataclasses
    import tempfile

    from maskgen.pipelines import bench
    from maskgen.pipelines.budget.measure import measure_budget
    from maskgen.pipelines.resolve import resolve

    from ..release import PHOTOS

    with tempfile.TemporaryDirectory() as scratch:
        wanted = options.config.resolve(output=scratch, defaults={"dataset": "folder"})
        source = open_location(wanted.input) if wanted.input else PHOTOS
        files = bench.photos_of(source, Path(scratch))
        config = resolve(dataclasses.replace(wanted, input=str(source)))
        if options.budget:
            _show_budget(measure_budget(config, files, options.seconds), as_json=options.as_json)
            return
        workers = wanted.workers or usable_cores()
        click.echo(
            f"each part on {counted(workers, 'core')}, about {5 * options.seconds + 15:.0f} s ...", err=True
        )
        rates = bench.part_rates(config, files, workers, options.seconds)
        if config.is_learned:
            click.echo("each runtime and precision on one core, a minute or two ...", err=True)
        runtimes = bench.runtime_rates(config, files, options.seconds) if config.is_learned else []
    said = bench.advice(config, rates, runtimes, workers)
    if options.as_json:
        facts = {
            "workers": workers,
            "images_per_s": {part: round(rate, 2) for part, rate in rates.items()},
            "runtimes": [dataclasses.asdict(one) for one in runtimes],
            "advice": said,
        }
        click.echo(json.dumps(facts))
        return
    click.echo(f"{counted(len(files), 'photo')} of {source}, {counted(workers, 'worker')}")
    for part, rate in rates.items():
        click.echo(f"  {part:12}{rate:10.1f} images/s  {1000 * workers / rate:8.2f} ms of a core each")
    for one in runtimes:
        click.echo(_line(one))
    for sentence in said:
        click.echo(sentence)


def _show_budget(budget: Budget, *, as_json: bool) -> None:
    import dataclasses

    from maskgen.pipelines.budget.table import budget_lines

    if as_json:
        click.echo(json.dumps(dataclasses.asdict(budget)))
        return
    for line in budget_lines(budget):
        click.echo(line)


def _line(one: RuntimeRate) -> str:
    name = f"  {one.runtime} {one.precision}"
    if one.why_not:
        return f"{name:24}{one.why_not}"
    return f"{name:24}{one.rate:8.2f} images/s per core, IoU {one.iou:.4f} with fp32"


@dataclass(frozen=True, kw_only=True)
class LoaderBenchOptions:
    """Options of `maskgen bench loader`."""

    data: DataFolder = option(MISSING, "Folder of the data set.")
    names: Annotated[tuple[str, ...], Spelling(flag="--recipe")] = option(
        ("mocov2", "mocov2-bg-rm", "mocov2-bg-random", "mocov2-bg-swaps"),
        "Recipe to measure; may be given several times; `maskgen preview --views list` names them.  "
        "[default: mocov2 and its three bg-]",
    )
    batch_size: int = option(64, "Images per batch.", bounds=between(2, 8192))
    threads: int | None = option(None, "CPU threads.  [default: one per core]", bounds=between(1, 512))
    device: str = option("cpu", "Device that decodes and computes.", choices=("cpu", "cuda"))
    seconds: float = option(5.0, "Time for each figure, seconds.", bounds=between(0.1, 600), unit="s")
    torch: bool = option(False, "Also measure the loader without DALI.")
    photos: Annotated[Location | None, Spelling(kind=PlaceKind())] = option(
        None, "Folder of the originals, for shards of the sidecar layout, or its address."
    )
    as_json: Json = option(False, "Print one JSON object.")


@click_command("loader", LoaderBenchOptions, command)
def loader(options: LoaderBenchOptions) -> None:
    """How many images per second the loader gives a trainer, for each recipe, and what decoding alone allows.

    \b
    maskgen bench loader shards/ --recipe mocov2 --recipe relicv2 --threads 8
    """  # noqa: D301 - click reads the \b
    import dataclasses

    recipes = {name: find_recipe(name) for name in options.names}
    with own_options():
        dataset = open_with_photos(options.data, options.photos)
    from maskgen.loaders.inspect.advice import advice, short_side
    from maskgen.loaders.inspect.bench import loader_rates
    from maskgen.loaders.inspect.workload import Workload

    available = usable_cores()
    threads = options.threads or available
    with own_options():
        workload = Workload(
            dataset=dataset, batch_size=options.batch_size, threads=threads, device=options.device
        )
        rates = loader_rates(workload, recipes, options.seconds, torch=options.torch)
    said = advice(workload, rates, available, short_side(dataset))
    if options.as_json:
        facts = {
            "samples": dataset.samples,
            "batch_size": workload.batch_size,
            "threads": threads,
            "cores": available,
            "device": workload.device,
            "rates": [dataclasses.asdict(rate) for rate in rates],
            "advice": said,
        }
        click.echo(json.dumps(facts))
        return
    click.echo(
        f"{counted(dataset.samples, 'photo')}, batches of {workload.batch_size}, "
        f"{counted(threads, 'thread')}, {workload.device}"
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
