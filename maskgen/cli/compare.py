"""`maskgen compare`."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from ..config.bounds import between
from ..config.counted import counted
from ..config.options import option
from ..io.storage.address import is_address
from ..io.storage.location import Location, open_location
from .eval import MeasureOptions, evaluate_sets
from .kinds import ENDINGS, OutputFile, PlaceKind
from .options import Json, Spelling, click_command, nested

if TYPE_CHECKING:
    from .eval import Found


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Options of `maskgen compare`."""

    runs: Annotated[tuple[str, ...], Spelling(argument=True, metavar="NAME=MASKS...")] = option(
        MISSING, "Names, and folders of masks or shards, or their addresses."
    )
    measure: MeasureOptions = nested(MeasureOptions)
    output: Annotated[Path | None, Spelling(kind=OutputFile(*ENDINGS))] = option(
        None, "Write a contact sheet (PNG or JPEG, by its ending): photo | truth | each mask set."
    )
    photos: Annotated[Location | None, Spelling(kind=PlaceKind())] = option(
        None, "Folder of photos for the sheet, or its address.  [default: the photos in the shards]"
    )
    count: int = option(24, "Rows of the sheet.", bounds=between(1, 400))
    as_json: Json = option(False, "Print one JSON object.")

    @property
    def folders(self) -> dict[str, Location]:
        """The mask sets by name.

        Raises:
            click.BadParameter: one is not NAME=MASKS, is no folder, or two have the same name.
        """
        folders: dict[str, Location] = {}
        for value in self.runs:
            name, equals, folder = value.partition("=")
            if not (name and equals and folder):
                raise click.BadParameter(f"{value!r} is not NAME=MASKS")
            if name in folders:
                raise click.BadParameter(f"two runs are named {name!r}")
            if not is_address(folder) and not Path(folder).is_dir():
                raise click.BadParameter(f"{folder!r} is no folder of masks or shards")
            folders[name] = open_location(folder)
        return folders


@click_command("compare", CompareOptions)
def command(options: CompareOptions) -> None:
    """Compare several mask sets with one truth, on the images that all of them have.

    An image that a set lacks is an error unless --allow-missing leaves it out, or --keys does not name it.

    The rows of the sheet are the images that the sets disagree on most, by the mean absolute difference of
    their masks, which is written after each name. For the measures see maskgen eval --help; each set's IoU is
    taken at its own threshold (the last column) unless --binarize-at gives one for all.

    \b
    maskgen compare --truth masks/ --output sheet.png rbd=shards-rbd/ u2netp=shards-u2netp/ old=maps/
    """  # noqa: D301 - click wants the character itself
    from ..evaluation import summary

    runs = options.folders
    if options.photos and not options.output:
        raise click.UsageError("--photos is for the sheet: give its --output as well")
    found = evaluate_sets(list(runs.values()), options.measure)
    facts = {
        name: {**summary.summarize(found.evaluation, number), **found.facts(number)}
        for number, name in enumerate(runs)
    }
    found.print_doubts()
    if options.output:
        _write_sheet(found, list(runs), options, options.output)
    if options.as_json:
        click.echo(json.dumps({"images": len(found.evaluation.scores), "runs": facts}))
        return
    click.echo(summary.as_table(facts))
    click.echo(
        counted(len(found.evaluation.scores), "image")
        + (f"; {click.format_filename(options.output)}" if options.output else "")
    )


def _write_sheet(found: Found, names: list[str], options: CompareOptions, output: Path) -> None:
    from ..drawing import comparison
    from ..drawing.contact_sheet import render_sheet
    from ..evaluation.folder import pictures
    from ..io.atomic import write_atomic

    folder = pictures(options.photos) if options.photos else {}
    shown = comparison.pick_disputed(found.evaluation, found.pairing, options.count)
    views = [comparison.find_photo(pair, folder) for pair, _ in shown]
    if not all(views):
        click.echo("maskgen: no photos in these masks; --photos DIR shows them", err=True)
        views = [None] * len(views)
    rows = [comparison.make_row(pair, apart, view) for (pair, apart), view in zip(shown, views, strict=True)]
    titles = comparison.titles(names, photo=all(views))
    write_atomic(output, render_sheet(rows, titles, output.suffix.lower()))
