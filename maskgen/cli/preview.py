"""`maskgen preview`."""

from __future__ import annotations

from pathlib import Path

import click

from maskgen.cli.options import data_argument


@click.command("preview", short_help="A contact sheet: photo | mask | overlay | background.")
@data_argument
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="preview.png",
    help="PNG file to write.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 400),
    default=24,
    help="Samples to show, spread over the data set.  [default: 24]",
)
def command(data: Path, output: Path, count: int) -> None:
    """Draw a contact sheet of samples spread over the data set in folder DATA: photo | mask | overlay | background."""
    from maskgen.io.atomic import write_atomic
    from maskgen.report.sheet import contact_sheet, spread
    from maskgen.shards import manifest

    rows = list(spread(data, manifest.read(data), count))
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(output, contact_sheet(rows))
    click.echo(f"{output}: {len(rows)} samples")
