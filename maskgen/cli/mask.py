"""`maskgen mask`."""

from __future__ import annotations

import json
import sys
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from ..config.bounds import between
from ..config.options import option
from ..config.run_config import RunConfig, is_over_budget, make_config
from ..errors import EXIT_DONE, EXIT_FAULTS, UsageError
from .options import Json, Spelling, click_command, given
from .progress import ProgressBar
from .terminal import echo_err
from .units import format_time
from .weights import fetch_note, show_download

if TYPE_CHECKING:
    from maskgen.pipelines.masks.make import Outcome
    from maskgen.pipelines.masks.picture import Picture
    from maskgen.pipelines.masks.task import MaskTask
    from maskgen.pipelines.resolve import ResolvedConfig

_OF_RUN = (
    *("method", "weights", "weights_sha256", "accept_license", "network", "refine", "resize", "binary"),
    *("threshold", "runtime", "precision", "force_precision", "device"),
    *("max_bytes", "max_pixels", "max_side", "accept_damaged", "image_timeout"),
)
"""Options of `maskgen run` that say how a photo is read and its mask is made."""
_PIPE = "-"


@dataclass(frozen=True, kw_only=True)
class MaskOptions:
    """Options of `maskgen mask`."""

    source: Annotated[str, Spelling(argument=True, metavar="PHOTO|FOLDER")] = option(
        MISSING, "A photo, or a folder of photos; - for standard input."
    )
    output: Annotated[str, Spelling(argument=True, metavar="OUT")] = option(
        MISSING, "A folder, or of one photo a PNG file; - for standard output."
    )
    cutout: bool = option(
        False, "Write the object alone: the photo, with the mask as its transparency.", group="output"
    )
    overlay: bool = option(False, "Write the photo with its foreground tinted.", group="output")
    onto: Annotated[str, Spelling(metavar="COLOR|PHOTO")] = option(
        "",
        "Write the object on a color (white, #00ff00) or on another photo, scaled and cut to cover.",
        group="output",
    )
    background: str | None = option(
        None,
        "Write the photo without its foreground, as `maskgen run --background` makes it.",
        group="output",
        choices=("tiled", "telea"),
    )
    overwrite: bool = option(
        False,
        "Replace what maskgen mask has made with other settings; other files are never replaced.",
        group="safety",
    )
    config: dict[str, Any] = given(RunConfig, _OF_RUN)
    max_failures: str = option(
        "0", "Failure budget, a count or a share: above it the exit status is 1.", group="safety"
    )
    workers: int = option(0, "Worker processes (0: one per core).", group="machine", bounds=between(0, 4096))
    as_json: Json = option(False, "Print the totals and the photos that failed as one JSON object.")

    @property
    def kind(self) -> str:
        """What is written.

        Raises:
            UsageError: more than one thing is asked for.
        """
        asked = [name for name in ("cutout", "overlay", "onto", "background") if getattr(self, name)]
        if len(asked) > 1:
            flags = " and ".join(f"--{name}" for name in asked)
            raise UsageError(f"{flags} ask for different pictures", remedy="give one of them")
        return asked[0] if asked else "mask"


@click_command("mask", MaskOptions)
def command(options: MaskOptions) -> int:
    """Write the mask of a photo, or of every photo below a folder, as PNG files.

    OUT has the folders of FOLDER and a PNG for each photo: 8 bits, 255 is foreground, as large as the photo
    and upright like a viewer shows it. Where two photos would have one mask, as a.jpg and a.png, their masks
    are a.jpg.png and a.png.png. The same command resumes; a photo that has changed is done again. A broken
    photo is named, and the exit status is 1. maskgen run is for data sets: it makes shards.

    \b
    maskgen mask cat.jpg cat-mask.png
    maskgen mask photos/ masks/
    maskgen mask photos/ cutouts/ --cutout --method u2netp
    maskgen mask - - < cat.jpg > mask.png
    """  # noqa: D301 - click reads the \b
    from ..processes.signals import StopSignals

    kind = options.kind  # refused before the libraries are loaded
    _refuse_addresses(options)
    if options.config.get("method") == "files":
        raise UsageError(
            "--method files takes masks that are there already, none are made",
            remedy="name another method; maskgen run --method files --masks PLACE makes shards of them",
        )
    given = {"dataset": "folder", "input": ".", "output": "."}
    fixed = {"background": "none", "model_process": "off", "max_failures": options.max_failures}
    config = make_config({**given, **options.config, **fixed})
    with StopSignals(), ProgressBar() as bar:
        from maskgen.pipelines.model.precision import compare_precision, refuse_damage
        from maskgen.pipelines.resolve import resolve

        found = resolve(config, show_download(bar, "" if config.weights else fetch_note(config.method)))
        if report := compare_precision(found):
            refuse_damage(report, found.options.precision, forced=config.force_precision)
        picture = _picture(options, kind, found)
        if _PIPE in (options.source, options.output):
            return _pipe(options, found, picture)
        outcome = _make_all(options, found, picture, bar)
    return _tell(options, outcome)


def _refuse_addresses(options: MaskOptions) -> None:
    """``s3://bucket`` as a path is a local folder ``s3:``, whose masks would be taken for stored ones."""
    from ..io.storage.address import is_address

    for place in (options.source, options.output):
        if is_address(place):
            raise UsageError(
                "maskgen mask reads and writes files on disks, not in object stores",
                where=place,
                remedy="name a folder and copy it, or pipe one photo with - -; maskgen run reads and writes "
                "such addresses",
            )


def _picture(options: MaskOptions, kind: str, config: ResolvedConfig) -> Picture:
    from maskgen.pipelines.masks.picture import Picture, read_behind

    from ..io.images.decode import Limits

    limits = Limits(config.options.max_bytes, config.options.max_pixels, config.options.max_side)
    behind, facts = read_behind(options.onto, limits) if options.onto else (None, {})
    if options.background:
        from ..config.run_config import BACKGROUND_VERSIONS

        facts = {"maker": options.background, "version": BACKGROUND_VERSIONS.get(options.background, 1)}
    known = config.options
    return Picture(kind, known.binary, options.background or "", behind, facts, known.method)


def _pipe(options: MaskOptions, config: ResolvedConfig, picture: Picture) -> int:
    """One photo from or to a pipe; nothing is printed."""
    from maskgen.pipelines.masks.make import check_targets
    from maskgen.pipelines.masks.task import Job, MaskTask

    from ..errors import ImageFault
    from ..io.atomic import write_atomic
    from ..types import ByteRef

    source, output = Path(options.source), Path(options.output)
    if options.source != _PIPE and not source.is_file():
        raise UsageError(
            "standard output takes the mask of one photo",
            where=options.source,
            remedy="name a photo, or a folder in place of the second -",
        )
    if options.output != _PIPE and output.suffix.lower() != ".png":
        raise UsageError("masks are PNG files", where=options.output, remedy="name a file that ends in .png")
    task = MaskTask(config, picture, source.parent, output.parent, options.overwrite)
    if options.output != _PIPE:
        check_targets(task, [Job(ByteRef(_PIPE, 0, 0), _PIPE, output.name)])
    limit = config.options.max_bytes + 1
    with sys.stdin.buffer if options.source == _PIPE else source.open("rb") as file:
        data = file.read(limit)
    try:
        png = task.make(data)
    except ImageFault as fault:
        name = "standard input" if options.source == _PIPE else options.source
        echo_err(f"maskgen: {name}: {fault}")
        return EXIT_FAULTS
    if options.output == _PIPE:
        sys.stdout.buffer.write(png)
    else:
        write_atomic(output, png)
    return EXIT_DONE


def _make_all(options: MaskOptions, config: ResolvedConfig, picture: Picture, bar: ProgressBar) -> Outcome:
    from maskgen.pipelines.masks.make import check_targets, find_jobs, make_pictures
    from maskgen.pipelines.masks.task import MaskTask

    root, output, jobs = find_jobs(Path(options.source), Path(options.output), bar.say)
    task: MaskTask = MaskTask(config, picture, root, output, options.overwrite)
    check_targets(task, jobs)
    told = 0

    def report(at: Outcome) -> None:
        nonlocal told
        for path, error in at.failed[told:]:
            bar.clear()
            echo_err(f"maskgen: {path}: {error}")
        told = len(at.failed)
        bar.show(at.done, at.total, f"{at.done}/{at.total} photos, {at.done / max(at.seconds, 1e-9):.1f}/s")

    return make_pictures(task, jobs, options.workers, report)


def _tell(options: MaskOptions, outcome: Outcome) -> int:
    from maskgen.pipelines.masks.make import describe

    if options.as_json:
        facts = {
            "photos": outcome.total,
            "made": outcome.made,
            "kept": outcome.kept,
            "failed": [{"path": path, "error": error} for path, error in outcome.failed],
            "seconds": round(outcome.seconds, 3),
        }
        click.echo(json.dumps(facts))
    else:
        words = describe(outcome, Path(options.output))
        rate = outcome.made / max(outcome.seconds, 1e-9)
        pace = f"; {rate:.1f} photos/s in {format_time(outcome.seconds)}" if outcome.made > 1 else ""
        click.echo(words + pace)
    over = is_over_budget(options.max_failures, len(outcome.failed), outcome.total)
    return EXIT_FAULTS if over else EXIT_DONE
