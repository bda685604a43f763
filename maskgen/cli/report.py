"""`maskgen report`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Annotated

import click

from ..config.bounds import at_least, between
from ..config.counted import counted
from ..config.options import option
from ..io.storage.location import Location
from .kinds import OutputFile, PlaceKind
from .options import Spelling, click_command
from .units import format_size

_HEAD_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Options of `maskgen report`."""

    masks: Annotated[Location, Spelling(argument=True, kind=PlaceKind())] = option(
        MISSING, "Folder of the data set or of gray maps, or its address (s3://...)."
    )
    output: Annotated[Path, Spelling(kind=OutputFile(".html"))] = option(
        Path("report.html"), "HTML file to write."
    )
    truth: Annotated[Location | None, Spelling(kind=PlaceKind(file=True))] = option(
        None, "Folder of true masks (foreground above 128), or a COCO instances_*.json; or its address."
    )
    compare: Annotated[Location | None, Spelling(kind=PlaceKind())] = option(
        None, "Masks of the same photos by another method: a folder of shards or maps, or its address."
    )
    photos: Annotated[Location | None, Spelling(kind=PlaceKind())] = option(
        None, "Folder of the photos of masks that come without, in files or in tars, or its address."
    )
    sheet: int = option(24, "Masks on each contact sheet.", bounds=between(1, 400))
    opened: int = option(
        2000,
        "Masks that are opened for what no table says (pieces, --compare, --truth, plain maps); of more, so "
        "many are drawn at random.",
        bounds=at_least(1),
    )
    seed: int = option(0, "Seed of what is drawn at random.", bounds=between(0, 2**63 - 1))


@click_command("report", ReportOptions)
def command(options: ReportOptions) -> None:
    """Write one HTML page on MASKS: numbers, histograms, contact sheets, quarantine, how they were made.

    The page holds all it needs and opens without a network; it is smaller than 8 MB whatever is asked for.
    The sheets: random, emptiest, fullest, touching the border, least confident; with --compare those on which
    two methods disagree most, with --truth the worst.

    \b
    maskgen report shards/ --output report.html
    maskgen report shards/ --compare shards-rbd/ --truth truth/
    """  # noqa: D301 - click wants the character itself
    from ..errors import Interrupted
    from ..io.atomic import write_atomic
    from ..processes.cores import usable_cores
    from ..processes.signals import StopSignals
    from ..report.make import make_report
    from ..report.settings import Settings

    _spare_foreign(options.output)
    settings = Settings(
        masks=options.masks,
        truth=options.truth,
        compare=options.compare,
        photos=options.photos,
        sheet=options.sheet,
        opened=options.opened,
        seed=options.seed,
        workers=usable_cores(),
    )
    try:
        with StopSignals():
            report = make_report(settings)
            write_atomic(options.output, report.page)
    except Interrupted as error:
        raise Interrupted(error.what, remedy="run the same command again; it starts anew") from error
    left = f", {report.left_out} had no room" if report.left_out else ""
    left += f", {report.lone} without their photos" if report.lone else ""
    click.echo(
        f"{click.format_filename(options.output)}: {counted(report.total, 'mask')}, {report.drawn} drawn"
        f"{left} ({format_size(len(report.page))})"
    )


def _spare_foreign(path: Path) -> None:
    """Refuse to replace a page that is not a report: the output has a name of its own unless one is given."""
    from ..drawing.page import GENERATOR
    from ..errors import UsageError

    try:
        with path.open("rb") as file:
            is_ours = GENERATOR.encode() in file.read(_HEAD_BYTES)
    except FileNotFoundError:
        return
    if not is_ours:
        raise UsageError(
            "a file is in the way that is no report of maskgen",
            where=str(path),
            remedy="move it, or name another file with --output",
        )
