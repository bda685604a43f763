"""`maskgen preview`."""

from __future__ import annotations

from pathlib import Path

import click

from .loader_options import open_with_photos, photos_option, recipe_named
from .options import ENDINGS, OutputFile, data_argument
from .terminal import own_options

_OF_VIEWS = ("rows", "seed", "cell", "photos")


def _list_recipes(context: click.Context, _: click.Parameter, value: str | None) -> str | None:
    if value == "list" and not context.resilient_parsing:
        from maskgen.loaders.inspect.sheet import describe
        from maskgen.loaders.recipes.published import RECIPES

        for name, recipe in RECIPES.items():
            click.echo(f"{name:18}{describe(recipe)}")
        context.exit()
    return value


@click.command("preview", short_help="A contact sheet: photo | mask | overlay | background.")
@data_argument
@click.option(
    "--output",
    type=OutputFile(*ENDINGS),
    default="preview.png",
    help="PNG or JPEG file to write, by its ending.  [default: preview.png]",
)
@click.option(
    "--count",
    type=click.IntRange(1, 400),
    default=24,
    help="Samples to show, spread over the data set.  [default: 24]",
)
@click.option(
    "--views",
    metavar="RECIPE",
    is_eager=True,
    callback=_list_recipes,
    help="Draw what a trainer gets instead: all views of a recipe. `--views list` names the recipes.",
)
@click.option(
    "--rows", type=click.IntRange(1, 64), default=8, help="With --views: photos, one batch.  [default: 8]"
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    help="With --views: of order and draws.  [default: 0]",
)
@click.option(
    "--cell",
    type=click.IntRange(64, 512),
    default=160,
    help="With --views: side of the largest view in the picture, px.  [default: 160]",
)
@photos_option
@click.pass_context
def command(
    context: click.Context, /, data: Path, output: Path, count: int, views: str | None, photos: Path | None,
    **shown: int,
) -> None:  # fmt: skip
    """Draw a contact sheet of samples spread over the data set in folder DATA: photo | mask | overlay | background.

    With --views, draw the first batch of a recipe as the loader gives it: photo with the crops | mask | every view,
    mask and negative, a row for each photo. Rows are numbered, and captions say what was done: `fg 83%`, the share
    of the foreground that the crop holds; `flip`; `grey 143` or `donor 5` (the row whose background it is); under a
    negative its photo's row, framed where it stands on the background of the row's first view.
    """
    given = {name for name in ("count", *_OF_VIEWS) if _was_given(context, name)}
    wrong = given & ({"count"} if views else set(_OF_VIEWS))
    if wrong:
        flags = ", ".join(f"--{name}" for name in sorted(wrong))
        raise click.UsageError(f"{flags}: {'not with' if views else 'only with'} --views")
    if views:
        click.echo(f"{click.format_filename(output)}: {_draw_views(data, output, views, photos, **shown)}")
        return
    click.echo(f"{click.format_filename(output)}: {_draw_samples(data, output, count)}")


def _was_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _draw_samples(data: Path, output: Path, count: int) -> str:
    from ..drawing.contact_sheet import contact_sheet, spread
    from ..io.atomic import write_atomic
    from ..shards import manifest

    rows = list(spread(data, manifest.read(data), count))
    write_atomic(output, contact_sheet(rows, ending=output.suffix.lower()))
    return f"{len(rows)} samples"


def _draw_views(
    data: Path, output: Path, name: str, photos: Path | None, *, rows: int, seed: int, cell: int
) -> str:
    recipe = recipe_named(name)
    from maskgen.loaders.inspect.sheet import first_batch, views_sheet

    from ..drawing.grid import encoded
    from ..io.atomic import write_atomic

    with own_options():
        batch, reader = first_batch(open_with_photos(data, photos), recipe, rows, seed)
    sheet = views_sheet(batch, recipe, reader, seed=seed, cell=cell)
    reader.close()
    write_atomic(output, encoded(sheet, output.suffix.lower()))
    damaged = f", {reader.skipped} damaged samples left out" if reader.skipped else ""
    return f"{len(batch['key'])} photos, {name}{damaged}"
