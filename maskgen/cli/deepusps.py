"""`maskgen deepusps`."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from .options import json_option, time_text
from .progress import ProgressBar

F = TypeVar("F", bound=Callable[..., Any])

_SHOWN = 20
_DATASETS = ("folder", "imagenet", "coco", "jft", "webdataset", "sample")


def _source_options(function: F) -> F:
    """What decides the weights; left out on a folder that holds a training, it goes on as it was begun."""
    options = (
        click.option(
            "--input",
            "inputs",
            multiple=True,
            metavar="PATH",
            help="Folder or file of photos; may be given several times.",
        ),
        click.option(
            "--output", type=click.Path(path_type=Path), required=True, help="Folder of the training."
        ),
        click.option("--preset", default=None, help="original, relicv2 or fast.  [default: fast]"),
        click.option(
            "--dataset", type=click.Choice(_DATASETS), default=None, help="Kind of source.  [default: folder]"
        ),
        click.option("--split", default=None, help="Split of the source: train or val.  [default: train]"),
        click.option("--images", type=click.IntRange(1), default=None, help="How many photos to draw."),
        click.option(
            "--init",
            default=None,
            metavar="FILE",
            help="Encoder to begin with: exported by train-ssl, or a torch checkpoint; `random` for none.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(0, 2**31 - 1),
            default=None,
            help="Of draw, weights, order.  [default: 0]",
        ),
        click.option(
            "--set",
            "changes",
            multiple=True,
            metavar="NAME=VALUE",
            help="Change a number of the preset: side=320, fusion.lr=1e-4, fusion.epochs=40, priors=rbd,mc, rounds=2.",
        ),
    )
    return _all(function, options)


def _worker_option(function: F) -> F:
    return click.option(
        "--workers",
        type=click.IntRange(0),
        default=0,
        help="Processes for photos and priors (0: one per core).",
    )(function)


def _machine_options(function: F) -> F:
    options = (
        click.option(
            "--device",
            type=click.Choice(("cpu", "cuda")),
            default="cpu",
            help="What trains.  [default: cpu]",
        ),
        click.option(
            "--threads",
            type=click.IntRange(0),
            default=0,
            help="Threads of torch on the CPU; another number may change the last bits (0: torch's own).",
        ),
        click.option(
            "--keep-networks", is_flag=True, help="Keep the network of every round, to be evaluated."
        ),
    )
    return _all(function, options)


def _all(function: F, options: tuple[Callable[[F], F], ...]) -> F:
    for option in reversed(options):
        function = option(function)
    return function


_work = click.argument("work", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.group("deepusps", short_help="Learn masks from unlabelled photos; run again to resume.")
def command() -> None:
    """Train a mask network from unlabelled photos and the four priors, without a label or a download.

    `run` does all steps; each step is its own command too: photos, priors, train, fuse, export. All of them resume.

    \b
    maskgen deepusps run --input photos/ --output work/
    maskgen run --dataset folder --input photos/ --output shards/ --method deepusps --weights work/deepusps.safetensors
    """  # noqa: D301 - click reads the \b


@command.command("run")
@_source_options
@_worker_option
@_machine_options
@json_option
def run_command(as_json: bool, **values: Any) -> None:
    """All steps: photos, priors, train, fuse, export, and the report. The same command resumes."""
    from maskgen.pipelines.deepusps.run import STEPS

    work = _do(STEPS, values)
    _report(work, 24)
    if as_json:
        click.echo(json.dumps(_status(work)))
    else:
        from maskgen.pipelines.deepusps.work_folder import REPORT, WEIGHTS

        click.echo(f"{work / WEIGHTS}: the network, for --method deepusps --weights")
        click.echo(f"{work / REPORT}: the report")


@command.command("photos")
@_source_options
@_worker_option
def photos_command(**values: Any) -> None:
    """Draw and decode the photos; this begins a training."""
    _do(("photos",), values)


@command.command("priors")
@_work
@_worker_option
def priors_command(**values: Any) -> None:
    """Compute the training-free maps of every photo."""
    _do(("priors",), values)


@command.command("train")
@_work
@_machine_options
def train_command(**values: Any) -> None:
    """Refine each prior's maps in rounds of training."""
    _do(("train",), values)


@command.command("fuse")
@_work
@_machine_options
def fuse_command(**values: Any) -> None:
    """Train the network on all refined maps at once."""
    _do(("fuse",), values)


@command.command("export")
@_work
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The .safetensors file.  [default: deepusps.safetensors in the training's folder]",
)
@click.option(
    "--phase",
    default="fusion",
    help="Whose network: fusion, or a round such as all-round-1 that ran with --keep-networks.",
)
@click.option("--half", is_flag=True, help="Round to float16: half the size.")
def export_command(work: Path, target: Path | None, phase: str, half: bool) -> None:
    """Write the checkpoint for --method deepusps, and a JSON beside it that says how it was made."""
    from maskgen.pipelines.deepusps.results.export import export
    from maskgen.pipelines.deepusps.settings.settings import read_settings
    from maskgen.pipelines.deepusps.work_folder import open_work

    opened = open_work(work)
    click.echo(f"{export(opened, read_settings(opened), target, phase, half=half)}")


@command.command("status")
@_work
@json_option
def status_command(work: Path, as_json: bool) -> None:
    """How far a training is, and every photo that was left out with its reason."""
    facts = _status(work)
    if as_json:
        click.echo(json.dumps(facts))
        return
    steps = ", ".join(f"{name} {'done' if done else 'not done'}" for name, done in facts["steps"].items())
    click.echo(steps)
    click.echo(
        f"{facts['photos']} photos, {len(facts['skipped'])} skipped, {len(facts['failed'])} without priors"
    )
    for phase in facts["phases"]:
        last = f"  loss {phase['loss']:.3f}, agreement {phase['agreement']:.3f}" if "loss" in phase else ""
        click.echo(f"{phase['name']:16}{phase['epochs']:>9} epochs{last}")
    left_out = [*facts["skipped"], *facts["failed"]]
    for one in left_out[:_SHOWN]:
        click.echo(f"{one['path']}: {one['why']}")
    if len(left_out) > _SHOWN:
        click.echo(f"... {len(left_out) - _SHOWN} more: --json lists all")


@command.command("report")
@_work
@click.option("--count", type=click.IntRange(1, 400), default=24, help="Photos on the sheet.  [default: 24]")
def report_command(work: Path, count: int) -> None:
    """Draw report.html (losses, agreement of the labels) and sheet.jpg (photo | priors | labels | mask)."""
    click.echo(str(_report(work, count)))


def _do(steps: tuple[str, ...], values: dict[str, Any]) -> Path:
    """Run steps with progress on stderr; returns the training's folder."""
    from ..processes.signals import StopSignals

    with StopSignals():
        from maskgen.pipelines.deepusps.run import RunHooks, run
        from maskgen.pipelines.deepusps.training.phase import Hardware

        work, settings = _opened(values)
        hardware = Hardware(
            values.get("device", "cpu"),
            values.get("threads", 0),
            values.get("keep_networks", False),
            lambda text: click.echo(f"maskgen: note: {text}", err=True),
        )
        with ProgressBar() as bar:

            def finished(step: str, words: str) -> None:
                bar.clear()
                click.echo(f"{step}: {words}", err=True)

            hooks = RunHooks(
                values.get("workers", 0),
                hardware,
                lambda at: bar.show(at.done, at.total, progress_text(at)),
                finished,
            )
            run(work, settings, steps, hooks)
    return Path(work.root)


def _opened(values: dict[str, Any]) -> Any:
    """The training that the options ask for, or that lies in the folder given."""
    from maskgen.pipelines.deepusps.run import begin
    from maskgen.pipelines.deepusps.settings.settings import Request, read_settings
    from maskgen.pipelines.deepusps.work_folder import open_work

    if "work" in values:
        work = open_work(values["work"])
        return work, read_settings(work)
    images = (f"images={values['images']}",) if values["images"] else ()
    names = ("output", "inputs", "dataset", "split", "preset", "init", "seed")
    request = Request(**{name: values[name] for name in names}, changes=(*values["changes"], *images))
    work, settings, notes = begin(request, shlex.join(["maskgen", *sys.argv[1:]]))
    for note in notes:
        click.echo(f"maskgen: note: {note}", err=True)
    return work, settings


def _status(folder: Path) -> dict[str, Any]:
    from maskgen.pipelines.deepusps.run import status
    from maskgen.pipelines.deepusps.settings.settings import read_settings
    from maskgen.pipelines.deepusps.work_folder import open_work

    work = open_work(folder)
    return status(work, read_settings(work))


def _report(folder: Path, count: int) -> Path:
    from maskgen.pipelines.deepusps.results.report import write_report
    from maskgen.pipelines.deepusps.settings.settings import read_settings
    from maskgen.pipelines.deepusps.work_folder import open_work

    work = open_work(folder)
    return write_report(work, read_settings(work), count)


def progress_text(at: Any) -> str:
    """How far a step is, as words with the time to its end."""
    parts = [f"{at.step}: {at.done}/{at.total} {at.unit}"]
    if at.detail:
        parts.append(at.detail)
    if at.left_s is not None:
        parts.append(f"{time_text(at.left_s)} left")
    if at.facts:
        parts.append(at.facts)
    return ", ".join(parts)
