"""`maskgen recipes`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING, Annotated

import click

from ..config.counted import counted
from ..config.options import option, split_assignment
from .loader_options import find_recipe
from .options import Spelling, click_command

if TYPE_CHECKING:
    from maskgen.loaders import Dataset, Recipe
    from maskgen.loaders.inspect.objects import Outlines

    from ..io.storage.location import Location
    from ..types import HardMask


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """Options of `maskgen recipes list`: none."""


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """Options of `maskgen recipes show`."""

    name: Annotated[str, Spelling(argument=True)] = option(MISSING, "A recipe, or a .toml file of one.")
    changes: Annotated[tuple[str, ...], Spelling(flag="--set", metavar="PATH=VALUE")] = option(
        (), "Change one field, for example views.1.background.p=0; views.* is all; may be repeated."
    )


@click.group("recipes")
def command() -> None:
    """Recipes: what views are made of an image.

    A file that `show` prints is taken wherever a recipe is: train-ssl METHOD --recipe FILE.toml, maskgen
    preview --views FILE.toml, maskgen bench loader --recipe FILE.toml, DaliLoader(..., recipe="FILE.toml").
    """


@click_command("list", ListOptions, command)
def list_command(_: ListOptions) -> None:
    """The recipes that there are, in a few words each."""
    echo_recipes()


@click_command("show", ShowOptions, command)
def show_command(options: ShowOptions) -> None:
    """Print every field of recipe NAME as TOML."""
    from maskgen.loaders.recipes.text import render_recipe, with_changes

    changes = dict(split_assignment(text) for text in options.changes)
    click.echo(render_recipe(with_changes(find_recipe(options.name), changes)).rstrip())


def echo_recipes() -> None:
    """Print the published recipes, one a line."""
    from maskgen.loaders.inspect.sheet import describe
    from maskgen.loaders.recipes.published import RECIPES

    width = max(map(len, RECIPES))
    for name, recipe in RECIPES.items():
        click.echo(f"{name:{width}}  {describe(recipe)}")


def echo_stats(
    dataset: Dataset, recipe: Recipe, samples: int, seed: int, objects: Location | None = None
) -> None:
    """Print what a recipe's crops show of a data set: a line a view, a line a pair."""
    from maskgen.loaders.inspect.crop_stats import crop_stats

    outlines = coco_outlines(dataset, objects) if objects else None
    found = crop_stats(dataset, recipe, samples, seed, outlines)
    click.echo(f"{counted(found.samples, 'photo')}, {found.without:.1%} without foreground")
    click.echo("view      px   of photo  of foreground  is foreground  holds none  replaced")
    for number, (view, one) in enumerate(zip(recipe.views, found.views, strict=True)):
        click.echo(
            f"{number:4} {view.size:7} {one.area:10.1%} {one.held:14.1%} {one.shown:14.1%} {one.empty:11.1%} "
            f"{one.replaced:9.1%} of {one.asked:.0%}"
        )
    if found.pairs:
        click.echo("views       IoU   disjoint  no foreground in common")
    for pair in found.pairs:
        views = ", ".join(map(str, pair.views))
        click.echo(f"{views:6} {pair.iou:8.3f} {pair.disjoint:10.1%} {pair.no_common_foreground:24.1%}")
    if found.objects:
        known = counted(found.objects[0].photos, "photo")
        click.echo(f"views   both show objects  other main object  none in common  (of {known} in the file)")
    for shown in found.objects:
        views = ", ".join(map(str, shown.views))
        click.echo(f"{views:6} {shown.both:18.1%} {shown.other:18.1%} {shown.none_common:15.1%}")


def coco_outlines(dataset: Dataset, path: Location) -> Outlines:
    """The objects of a data set's photos by an instances_*.json; photos pair by their files' names.

    Raises:
        SourceFault: it cannot be read.
        UsageError: no photo is in it.
    """
    from maskgen.loaders.dataset.labels import shard_paths

    from ..errors import UsageError
    from ..evaluation.coco import read_instances, union
    from ..evaluation.names import name_of

    truths = read_instances(path)
    names = [name_of(of or "") for shard in dataset.shards for of in shard_paths(dataset, shard)]
    if not any(name in truths for name in names):
        raise UsageError(
            "no photo of these shards is in the file of objects",
            where=str(path),
            remedy="give the instances_*.json of these photos; they pair by the stems of the files' names",
        )

    def outlines(number: int) -> tuple[HardMask, ...] | None:
        if (truth := truths.get(names[number])) is None:
            return None
        return tuple(union([one], truth.size, truth.where) for one in truth.instances)

    return outlines
