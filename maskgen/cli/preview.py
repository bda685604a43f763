"""`maskgen preview`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Annotated

import click

from ..config.bounds import between
from ..config.counted import counted
from ..config.options import option
from ..io.storage.location import Location
from .kinds import ENDINGS, OutputFile, PlaceKind
from .loader_options import find_recipe, open_with_photos
from .options import DataFolder, Spelling, click_command
from .recipes import echo_recipes, echo_stats
from .terminal import own_options, require_package

_OF_SAMPLES = ("count", "sort")
_OF_VIEWS = ("rows", "seed", "cell", "min_confidence")


def _list_recipes(context: click.Context, value: str) -> None:
    if value != "list":
        return
    echo_recipes()
    context.exit()


@dataclass(frozen=True, kw_only=True)
class PreviewOptions:
    """Options of `maskgen preview`; None where one was not given."""

    data: DataFolder = option(MISSING, "Folder of the data set, or its address (s3://...).")
    output: Annotated[Path, Spelling(kind=OutputFile(*ENDINGS))] = option(
        Path("preview.png"), "PNG or JPEG file to write, by its ending."
    )
    count: int | None = option(
        None, "Samples to show, spread over the data set.  [default: 24]", bounds=between(1, 400)
    )
    sort: str | None = option(
        None,
        "spread: samples spread over the data set; confidence: those whose masks are trusted least, the "
        "worst first.  [default: spread]",
        choices=("spread", "confidence"),
    )
    views: Annotated[str | None, Spelling(metavar="RECIPE", show=_list_recipes)] = option(
        None,
        "Draw what a trainer gets instead: all views of a recipe, or of a .toml file of one. `--views list` "
        "names the recipes.",
    )
    rows: int | None = option(None, "With --views: photos, one batch.  [default: 8]", bounds=between(1, 64))
    seed: int | None = option(
        None, "With --views: seed of order and draws.  [default: 0]", bounds=between(0, 2**63 - 1)
    )
    cell: int | None = option(
        None,
        "With --views: side of the largest view in the picture, px.  [default: 160]",
        bounds=between(64, 512),
        unit="px",
    )
    min_confidence: float | None = option(
        None,
        "With --views: a photo whose mask is trusted less keeps its background.  [default: the recipe's]",
        bounds=between(0, 1),
    )
    stats: int = option(
        0,
        "With --views: also print what the crops of this many photos show: how much of the foreground, how "
        "they overlap, how many backgrounds are replaced.  [default: no]",
        bounds=between(0, 10**7),
    )
    objects: Annotated[Location | None, Spelling(kind=PlaceKind(file=True))] = option(
        None,
        "With --stats: the instances_*.json of these photos, or its address: also print how often two crops "
        "show different objects.",
    )
    cam: str | None = option(
        None,
        "Draw where an encoder looks to match the foreground: Grad-CAM of a run, or of whatever else "
        "`eval-ssl` takes.",
    )
    backbone: str | None = option(None, "With --cam: its network.  [default: as its file says]")
    photos: Annotated[Location | None, Spelling(kind=PlaceKind())] = option(
        None, "Folder of the originals, for shards of the sidecar layout, or its address."
    )


@click_command("preview", PreviewOptions)
def command(options: PreviewOptions) -> None:
    """Draw a contact sheet of samples spread over the data set in folder DATA.

    Photo | mask | overlay | background, as far as they are stored; of the sidecar layout, photos and overlays
    with --photos only. The number before a key is the confidence in its mask.

    With --views, draw the first batch of a recipe as the loader gives it: photo with the crops | mask | every
    view, mask and negative, a row for each photo. Rows are numbered, and captions say what was done:
    `fg 83%`, the share of the foreground that the crop holds; `flip`; `grey 143` or `donor 5` (the row whose
    background it is); under a negative its photo's row, framed where it stands on the background of the row's
    first view.

    With --cam, draw photo | mask | Grad-CAM of the match between the whole photo and its foreground alone;
    the number before a key is the IoU of the map above 0.5 with the mask.
    """
    given = [name for name in (*_OF_SAMPLES, *_OF_VIEWS) if getattr(options, name) is not None]
    wrong = [name for name in given if (name in _OF_SAMPLES) == bool(options.views)]
    if wrong:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(wrong))
        raise click.UsageError(f"{flags}: {'not with' if options.views else 'only with'} --views")
    if options.stats and not options.views:
        raise click.UsageError("--stats: only with --views")
    if options.objects and not options.stats:
        raise click.UsageError("--objects: only with --stats")
    if options.cam and (options.views or options.sort):
        raise click.UsageError(f"{'--views' if options.views else '--sort'}: not with --cam")
    if options.backbone and not options.cam:
        raise click.UsageError("--backbone: only with --cam")
    if options.cam:
        drawn = _draw_cams(options, options.cam)
    else:
        drawn = _draw_views(options, options.views) if options.views else _draw_samples(options)
    click.echo(f"{click.format_filename(options.output)}: {drawn}")


def _draw_samples(options: PreviewOptions) -> str:
    from ..drawing.contact_sheet import least_confident, pick, render_sheet, spread, titles
    from ..io.atomic import write_atomic
    from ..shards import manifest, naming

    whole, count = manifest.read(options.data), options.count or 24
    photos, by_confidence = {}, options.sort == "confidence"
    places = least_confident(options.data, whole, count) if by_confidence else spread(whole, count)
    kept = naming.stored_ext(naming.PHOTO, whole.members) in whole.members
    if options.photos and not kept:
        from maskgen.loaders.inspect.originals import read_originals

        with own_options():
            photos = read_originals(options.data, options.photos, places)
    elif not kept:
        click.echo("maskgen: note: these shards hold no photos; --photos INPUT draws them too", err=True)
    rows = list(pick(options.data, whole, places, photos))
    if by_confidence:
        rows.sort(key=lambda row: row.confidence or 0.0)
    heads = titles(whole.members, photos=bool(photos))
    write_atomic(options.output, render_sheet(rows, heads, options.output.suffix.lower()))
    return f"{counted(len(rows), 'sample')}, {' | '.join(heads)}"


def _draw_cams(options: PreviewOptions, checkpoint: str) -> str:
    require_package("torch")
    from maskgen.trainers.evaluations.grounding.sheet import TITLES, cam_rows

    from ..drawing.contact_sheet import render_sheet
    from ..io.atomic import write_atomic

    with own_options():
        dataset = open_with_photos(options.data, options.photos)
        rows = list(cam_rows(dataset, checkpoint, options.backbone or "", count=options.count or 24))
    write_atomic(options.output, render_sheet(rows, TITLES, options.output.suffix.lower()))
    return f"{counted(len(rows), 'sample')}, {' | '.join(TITLES)}"


def _draw_views(options: PreviewOptions, name: str) -> str:
    recipe = find_recipe(name)
    if options.min_confidence is not None:
        recipe = recipe.trusting(options.min_confidence)
    from maskgen.loaders.inspect.sheet import first_batch, views_sheet

    from ..drawing.grid import encode_grid
    from ..io.atomic import write_atomic

    seed = options.seed or 0
    with own_options():
        dataset = open_with_photos(options.data, options.photos)
        batch, reader = first_batch(dataset, recipe, options.rows or 8, seed)
    sheet = views_sheet(batch, recipe, reader, seed=seed, cell=options.cell or 160)
    reader.close()
    write_atomic(options.output, encode_grid(sheet, options.output.suffix.lower()))
    damaged = f", {counted(reader.skipped, 'damaged sample')} left out" if reader.skipped else ""
    if options.stats:
        with own_options():
            echo_stats(dataset, recipe, options.stats, seed, options.objects)
    return f"{counted(len(batch['key']), 'photo')}, {name}{damaged}"
