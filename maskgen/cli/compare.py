"""`maskgen compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .eval import evaluate_sets, measure_options
from .options import ENDINGS, OutputFile, json_option

if TYPE_CHECKING:
    from .eval import Found


def _runs(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    """``NAME=MASKS`` arguments."""
    runs: dict[str, Path] = {}
    for value in values:
        name, equals, folder = value.partition("=")
        if not (name and equals and folder):
            raise click.BadParameter(f"{value!r} is not NAME=MASKS")
        if name in runs:
            raise click.BadParameter(f"two runs are named {name!r}")
        if not Path(folder).is_dir():
            raise click.BadParameter(f"{folder!r} is no folder of masks or shards")
        runs[name] = Path(folder)
    return runs


@click.command("compare", short_help="Several mask sets against one truth: a table, and a sheet of disputes.")
@click.argument("runs", nargs=-1, required=True, metavar="NAME=MASKS...", callback=_runs)
@measure_options
@click.option(
    "--output",
    type=OutputFile(*ENDINGS),
    help="Write a contact sheet (PNG or JPEG, by its ending): photo | truth | each mask set.",
)
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of photos for the sheet.  [default: the photos in the shards]",
)
@click.option("--count", type=click.IntRange(1, 400), default=24, help="Rows of the sheet.  [default: 24]")
@json_option
def command(
    runs: dict[str, Path], output: Path | None, photos: Path | None, count: int, as_json: bool, **how: Any
) -> None:
    """Hold several mask sets against one truth, on the images that all of them have.

    The rows of the sheet are the images that the sets disagree on most, by the mean absolute difference of their
    masks, which is written behind each name. For the measures see maskgen eval --help; each set's IoU is taken at
    its own threshold (the last column) unless --binarise-at gives one for all.

    \b
    maskgen compare --truth masks/ --output sheet.png rbd=shards-rbd/ u2netp=shards-u2netp/ old=maps/
    """  # noqa: D301 - click wants the character itself
    from ..evaluation import summary

    if photos and not output:
        raise click.UsageError("--photos is for the sheet: give its --output as well")
    found = evaluate_sets(list(runs.values()), **how)
    facts = {
        name: {**summary.summarise(found.evaluation, number), **found.facts(number)}
        for number, name in enumerate(runs)
    }
    found.print_doubts()
    if output:
        _write_sheet(found, list(runs), output, photos, count)
    if as_json:
        click.echo(json.dumps({"images": len(found.evaluation.scores), "runs": facts}))
        return
    click.echo(summary.as_table(facts))
    click.echo(
        f"{len(found.evaluation.scores)} images" + (f"; {click.format_filename(output)}" if output else "")
    )


def _write_sheet(found: Found, names: list[str], output: Path, photos: Path | None, count: int) -> None:
    from ..drawing import comparison
    from ..drawing.contact_sheet import contact_sheet
    from ..evaluation.folder import pictures
    from ..io.atomic import write_atomic

    folder = pictures(photos) if photos else {}
    shown = comparison.disputed(found.evaluation, found.pairing, count)
    views = [comparison.photo_of(pair, folder) for pair, _ in shown]
    if not all(views):
        click.echo("maskgen: no photos in these masks; --photos DIR shows them", err=True)
        views = [None] * len(views)
    rows = [comparison.sheet_row(pair, apart, view) for (pair, apart), view in zip(shown, views, strict=True)]
    titles = comparison.titles(names, photo=all(views))
    write_atomic(output, contact_sheet(rows, titles, output.suffix.lower()))
