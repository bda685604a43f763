"""`maskgen export`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from itertools import islice
from typing import Annotated, Any

import click

from ..config.bounds import between
from ..config.counted import counted
from ..config.options import option
from ..errors import EXIT_FAULTS
from ..export.settings import Settings
from ..io.storage.location import Location
from ..processes.signals import StopSignals
from .kinds import NewPlace, PlaceKind
from .options import DataFolder, Json, Spelling, click_command, nested
from .progress import ProgressBar
from .terminal import own_options


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of `maskgen export`."""

    data: DataFolder = option(MISSING, "Folder of the data set, or its address (s3://...).")
    out: Annotated[Location, Spelling(argument=True, kind=NewPlace())] = option(
        MISSING, "Folder of the export, or its address."
    )
    settings: Settings = nested(Settings)
    photos: Annotated[Location | None, Spelling(kind=PlaceKind())] = option(
        None, "Folder of the originals, or its address, for shards of the sidecar layout.", group="data"
    )
    workers: int = option(0, "Threads at work (0: one per core).", group="machine", bounds=between(0, 4096))
    as_json: Json = option(False, "Print one JSON object.")


@click_command("export", ExportOptions)
def command(options: ExportOptions) -> int:
    """Write the masks of the shards in DATA in another format, into the folder OUT or to an address.

    Masks have the size of their photos. OUT/export.json says how they were made. A command that was broken
    off goes on where it was when it is given again. Exit status 1 when samples are damaged; the others are
    written.

    \b
    maskgen export shards/ masks/ --to png --binary
    maskgen export shards/ annotations/ --to coco
    """  # noqa: D301 - click wants the character itself
    from ..export.run import export_masks
    from .loader_options import open_for_export

    with StopSignals(), own_options(), ProgressBar() as bar:
        found = export_masks(
            open_for_export(options.data, options.photos),
            options.out,
            options.settings,
            report=lambda done, total: bar.show(done, total, f"{done} of {counted(total, 'sample')}"),
            note=bar.say,
            threads=options.workers,
        )
    if options.as_json:
        click.echo(json.dumps(found))
    else:
        for line in _describe(found, options):
            click.echo(line)
    return EXIT_FAULTS if found["damaged"] else 0


def _describe(found: Mapping[str, Any], options: ExportOptions) -> Iterator[str]:
    damaged = found["damaged"]
    if damaged:
        yield f"{counted(len(damaged), 'sample')} damaged; maskgen verify --full lists all damage:"
        for key, text in islice(damaged.items(), 3):
            yield f"  {key}: {text}"
    if found["left_out"]:
        yield f"{counted(found['left_out'], 'sample')} without a single class left out"
    place = click.format_filename(str(options.out))
    yield f"{counted(found['samples'], 'sample')} as {options.settings.to}: {place}"
