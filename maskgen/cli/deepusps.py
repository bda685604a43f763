"""`maskgen deepusps`."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from ..config.bounds import at_least, between
from ..config.options import ExistingFolder, NewFile, option
from ..config.run_config import DATASETS
from .options import Json, Spelling, click_command, nested
from .progress import ProgressBar
from .terminal import echo_err
from .units import format_time

if TYPE_CHECKING:
    from maskgen.pipelines.distill.settings.settings import Settings
    from maskgen.pipelines.distill.work_folder import WorkFolder

_SHOWN = 20
WorkArgument = Annotated[ExistingFolder, Spelling(argument=True)]


@dataclass(frozen=True, kw_only=True)
class PhotoOptions:
    """The photos of a training and its folder, and what is drawn."""

    inputs: Annotated[tuple[str, ...], Spelling(flag="--input", metavar="PATH")] = option(
        (), "Folder or file of photos; may be given several times.", group="source"
    )
    output: Path = option(MISSING, "Folder of the training.", group="output")
    dataset: str | None = option(None, "Kind of source.  [default: folder]", group="source", choices=DATASETS)
    split: str | None = option(None, "Split of the source: train or val.  [default: train]", group="source")
    seed: int | None = option(
        None,
        "Seed of the draw, the weights and the order.  [default: 0]",
        group="settings",
        bounds=between(0, 2**31 - 1),
    )


@dataclass(frozen=True, kw_only=True)
class SourceOptions(PhotoOptions):
    """What decides the weights; left out on a folder that holds a training, it goes on as it was begun."""

    preset: str | None = option(None, "original, relicv2 or fast.  [default: fast]", group="settings")
    images: int | None = option(None, "How many photos to draw.", group="source", bounds=at_least(1))
    init: Annotated[str | None, Spelling(metavar="FILE")] = option(
        None,
        "Encoder to begin with: exported by train-ssl, or a torch checkpoint; `random` for none.",
        group="settings",
    )
    changes: Annotated[tuple[str, ...], Spelling(flag="--set", metavar="NAME=VALUE")] = option(
        (),
        "Change a number of the preset: side=320, fusion.lr=1e-4, fusion.epochs=40, priors=rbd,mc, rounds=2.",
        group="settings",
    )

    def open(self) -> tuple[WorkFolder, Settings]:
        """The training that these options ask for, in its folder."""
        images = (f"images={self.images}",) if self.images else ()
        names = ("output", "inputs", "dataset", "split", "preset", "init", "seed")
        values = {name: getattr(self, name) for name in names}
        return open_training(**values, changes=(*self.changes, *images))


def open_training(**values: Any) -> tuple[WorkFolder, Settings]:
    """The training that a request asks for, with its notes on stderr."""
    from maskgen.pipelines.distill.run import begin
    from maskgen.pipelines.distill.settings.settings import Request

    work, settings, notes = begin(Request(**values), shlex.join(["maskgen", *sys.argv[1:]]))
    for note in notes:
        echo_err(f"maskgen: note: {note}")
    return work, settings


@dataclass(frozen=True, kw_only=True)
class ProcessOptions:
    """What works on the photos."""

    workers: int = option(0, "Processes for photos and priors (0: one per core).", group="machine")


@dataclass(frozen=True, kw_only=True)
class HardwareOptions:
    """What trains the networks."""

    device: str = option("cpu", "Device that trains.", group="machine", choices=("cpu", "cuda"))
    threads: int = option(
        0,
        "Threads of torch on the CPU; another number may change the last bits (0: torch's own).",
        group="machine",
    )
    keep_networks: bool = option(
        False, "Keep the network of every round, so that it can be evaluated.", group="output"
    )


@dataclass(frozen=True, kw_only=True)
class RunCommandOptions:
    """Options of `maskgen deepusps run`."""

    source: SourceOptions = nested(SourceOptions)
    process: ProcessOptions = nested(ProcessOptions)
    hardware: HardwareOptions = nested(HardwareOptions)
    as_json: Json = option(False, "Print one JSON object.")


@dataclass(frozen=True, kw_only=True)
class PhotosOptions:
    """Options of `maskgen deepusps photos`."""

    source: SourceOptions = nested(SourceOptions)
    process: ProcessOptions = nested(ProcessOptions)


@dataclass(frozen=True, kw_only=True)
class PriorsOptions:
    """Options of `maskgen deepusps priors`."""

    work: WorkArgument = option(MISSING, "Folder of the training.")
    process: ProcessOptions = nested(ProcessOptions)


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Options of `maskgen deepusps train` and `fuse`."""

    work: WorkArgument = option(MISSING, "Folder of the training.")
    hardware: HardwareOptions = nested(HardwareOptions)


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of `maskgen deepusps export`."""

    work: WorkArgument = option(MISSING, "Folder of the training.")
    output: NewFile | None = option(
        None, "The .safetensors file.  [default: deepusps.safetensors in the training's folder]"
    )
    phase: str = option(
        "fusion", "Whose network: fusion, or a round such as all-round-1 that ran with --keep-networks."
    )
    half: bool = option(False, "Round to float16: half the size.")


@dataclass(frozen=True, kw_only=True)
class StatusOptions:
    """Options of `maskgen deepusps status`."""

    work: WorkArgument = option(MISSING, "Folder of the training.")
    as_json: Json = option(False, "Print one JSON object.")


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Options of `maskgen deepusps report`."""

    work: WorkArgument = option(MISSING, "Folder of the training.")
    count: int = option(24, "Photos on the sheet.", bounds=between(1, 400))


@click.group("deepusps")
def command() -> None:
    """Train a mask network from unlabeled photos and the four priors, without a label or a download.

    `run` does all steps; each step is its own command too: photos, priors, train, fuse, export. All of them
    resume.

    \b
    maskgen deepusps run --input photos/ --output work/
    maskgen run --dataset folder --input photos/ --output shards/ --method deepusps --weights
    work/deepusps.safetensors
    """  # noqa: D301 - click reads the \b


@click_command("run", RunCommandOptions, command)
def run_command(options: RunCommandOptions) -> None:
    """All steps: photos, priors, train, fuse, export, and the report. The same command resumes."""
    from maskgen.pipelines.distill.run import STEPS

    do_steps(STEPS, options.source.open, options.process, options.hardware)
    show_results(options.source.output, as_json=options.as_json)


@click_command("photos", PhotosOptions, command)
def photos_command(options: PhotosOptions) -> None:
    """Draw and decode the photos; this begins a training."""
    do_steps(("photos",), options.source.open, options.process)


@click_command("priors", PriorsOptions, command)
def priors_command(options: PriorsOptions) -> None:
    """Compute the training-free maps of every photo."""
    do_steps(("priors",), lambda: _open(options.work), options.process)


@click_command("train", TrainOptions, command)
def train_command(options: TrainOptions) -> None:
    """Refine each prior's maps in rounds of training."""
    do_steps(("train",), lambda: _open(options.work), hardware=options.hardware)


@click_command("fuse", TrainOptions, command)
def fuse_command(options: TrainOptions) -> None:
    """Train the network on all refined maps at once."""
    do_steps(("fuse",), lambda: _open(options.work), hardware=options.hardware)


@click_command("export", ExportOptions, command)
def export_command(options: ExportOptions) -> None:
    """Write the checkpoint for --method deepusps, and a JSON beside it that says how it was made."""
    from maskgen.pipelines.distill.results.export import export

    work, settings = _open(options.work)
    click.echo(f"{export(work, settings, options.output, options.phase, half=options.half)}")


@click_command("status", StatusOptions, command)
def status_command(options: StatusOptions) -> None:
    """How far a training is, and every photo that was left out with its reason."""
    facts = _status(options.work)
    if options.as_json:
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


@click_command("report", ReportOptions, command)
def report_command(options: ReportOptions) -> None:
    """Draw report.html (losses, agreement of the labels) and sheet.jpg (photo | priors | labels | mask)."""
    click.echo(str(_report(options.work, options.count)))


def show_results(folder: Path, *, as_json: bool) -> None:
    """Write the report of a finished training, and say what lies where."""
    from maskgen.pipelines.distill.status import weights_path
    from maskgen.pipelines.distill.work_folder import REPORT

    _report(folder, 24)
    if as_json:
        click.echo(json.dumps(_status(folder)))
        return
    work, settings = _open(folder)
    click.echo(f"{weights_path(work, settings)}: the network, for --method {settings.method} --weights")
    click.echo(f"{folder / REPORT}: the report")


def do_steps(
    steps: tuple[str, ...],
    opened: Callable[[], tuple[WorkFolder, Settings]],
    process: ProcessOptions = ProcessOptions(),
    hardware: HardwareOptions = HardwareOptions(),
    min_iou: float = 0.0,
) -> Path:
    """Run steps with progress on stderr; returns the training's folder."""
    from ..processes.signals import StopSignals

    with StopSignals():
        from maskgen.pipelines.distill.run import RunHooks, run
        from maskgen.pipelines.distill.training.phase import Hardware

        work, settings = opened()
        trained_on = Hardware(**vars(hardware), note=lambda text: echo_err(f"maskgen: note: {text}"))
        with ProgressBar() as bar:

            def finished(step: str, words: str) -> None:
                bar.clear()
                echo_err(f"{step}: {words}")

            hooks = RunHooks(
                process.workers,
                trained_on,
                lambda at: bar.show(at.done, at.total, describe_progress(at)),
                finished,
                min_iou=min_iou,
            )
            run(work, settings, steps, hooks)
    return Path(work.root)


def _open(folder: Path) -> tuple[WorkFolder, Settings]:
    """The training that lies in a folder."""
    from maskgen.pipelines.distill.settings.settings import read_settings
    from maskgen.pipelines.distill.work_folder import open_work_folder

    work = open_work_folder(folder)
    return work, read_settings(work)


def _status(folder: Path) -> dict[str, Any]:
    from maskgen.pipelines.distill.status import status

    return status(*_open(folder))


def _report(folder: Path, count: int) -> Path:
    from maskgen.pipelines.distill.results.report import write_report

    return write_report(*_open(folder), count)


def describe_progress(at: Any) -> str:
    """How far a step is, as words with the time to its end."""
    parts = [f"{at.step}: {at.done}/{at.total} {at.unit}"]
    if at.detail:
        parts.append(at.detail)
    if at.left_s is not None:
        parts.append(f"{format_time(at.left_s)} left")
    if at.facts:
        parts.append(at.facts)
    return ", ".join(parts)
