"""A recipe of the loader, with a preset's changes to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast, get_args

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError
from maskgen.loaders.recipes.lookup import as_recipe
from maskgen.loaders.recipes.parts import (
    Background,
    Corruption,
    Crop,
    JitterMode,
    MaskChange,
    Place,
    Replace,
)
from maskgen.loaders.recipes.spec import Recipe, View
from maskgen.loaders.recipes.text import with_changes

from ..registry import TRAINER_METHODS, TrainerMethod

EXTRA_PARTS = ("cam_masks", "weak", "masked")
"""What a recipe's `View` can give to a method beside the view."""


@dataclass(frozen=True, kw_only=True)
class ViewOptions:
    """The part of a preset that shapes its views; see `Preset` for each field."""

    recipe: str
    view_px: int
    small_px: int
    background: str
    background_p: float | None
    background_place: str
    background_small: bool
    min_confidence: float | None
    fg_min: float | None
    overlap_min: float | None
    auto_augment_p: float | None
    negative_p: float | None
    corruption: str
    corruption_amount: float
    cam_px: int
    jitter: str
    view_changes: tuple[tuple[str, str], ...] = ()


def resolve_recipe(options: ViewOptions) -> Recipe:
    """The recipe to give to a loader.

    Raises:
        UsageError: an unknown recipe or corruption, or parts that do not fit each other.
    """
    recipe = as_recipe(options.recipe)
    largest = max(view.size for view in recipe.views)
    _check_sizes(recipe, options, largest)
    negative = recipe.negative
    if options.negative_p is not None and negative is None:
        raise UsageError(
            f"negative_p is set, but the recipe {options.recipe!r} has no matched negative",
            remedy="set recipe=mocov2-bg-swaps, or another one with bg-swaps in its name",
        )
    if negative is not None:
        p = negative.p if options.negative_p is None else options.negative_p
        other = _jittered(_sized(_cropped(negative.view, options), options, True), options)
        if options.background_place != "recipe":
            place = cast("Place", options.background_place)
            other = replace(other, background=replace(other.background, place=place))
        negative = replace(negative, p=p, view=other)
    views = tuple(_changed(view, options, view.size == largest) for view in recipe.views)
    if options.min_confidence and negative is None and not any(view.background.p for view in views):
        raise UsageError(
            "min_confidence is set, but nothing replaces the background",
            remedy="set background=grey or background=donor, or leave min_confidence out",
        )
    made = replace(
        recipe,
        views=views,
        negative=negative,
        corruption=_corruption(options),
    )
    made = made if options.min_confidence is None else made.trusting(options.min_confidence)
    return with_changes(made, dict(options.view_changes))


def with_kept(recipe: Recipe, name: str, enqueue: str, *, symmetric: bool) -> Recipe:
    """A recipe whose key views also come on their own backgrounds, where MoCo's queue takes these.

    Args:
        recipe: of the preset.
        name: of the recipe.
        enqueue: what the queue takes, see `Preset`.
        symmetric: whether view 0 of two is a key too.

    Raises:
        UsageError: the recipe has not what the queue is to take, or makes what nothing uses.
    """
    if enqueue == "negatives" and recipe.negative is None:
        raise UsageError(
            f"enqueue=negatives is set, but the recipe {name!r} has no matched negative",
            remedy="set recipe=mocov2-bg-swaps, or another one with bg-swaps in its name",
        )
    if enqueue != "own":
        if any(view.kept for view in recipe.views):
            raise UsageError(
                f"the recipe {name!r} makes kept, which nothing uses",
                remedy="set kept=false in it, or enqueue=own",
            )
        return recipe
    first = 0 if symmetric or len(recipe.views) > 2 else 1  # view 0 is a query alone
    largest = max(view.size for view in recipe.views)
    used = [
        number >= first and view.size == largest and view.background.p > 0
        for number, view in enumerate(recipe.views)
    ]
    if not any(used):
        raise UsageError(
            "enqueue=own is set, but no key's background is replaced",
            remedy="leave enqueue out, or set views.1.background.p",
        )
    views = zip(recipe.views, used, strict=True)
    return replace(recipe, views=tuple(replace(view, kept=own) for view, own in views))


def _check_sizes(recipe: Recipe, options: ViewOptions, largest: int) -> None:
    """Methods know large views by their size."""
    sides = [view.size for view in recipe.views if view.size < largest]
    large, small = options.view_px or largest, options.small_px or max(sides, default=0)
    if sides and small >= large:
        raise UsageError(
            f"the recipe's large views have {large} px, its small ones {small} px",
            remedy="set small_px to less than view_px",
        )


def check_fit(method: str, name: str, recipe: Recipe) -> None:
    """Refuse views that a method cannot be trained on, and what it would leave unused.

    Raises:
        UsageError: there are too few views or too many, or a part of them is missing or not used.
    """
    misfit = _misfit(TRAINER_METHODS[method], recipe)
    if misfit:
        raise UsageError(
            f"the recipe {name!r} does not fit {method}",
            cause=misfit,
            remedy=f"one of {method}'s own, see `train-ssl presets {method}`",
        )


def _misfit(row: TrainerMethod, recipe: Recipe) -> str:
    """Why a recipe does not fit a method; empty where it does."""
    count = len(recipe.views)
    if count < row.views:
        return f"{row.name} compares {row.views} views"
    if count > row.views and not row.multi_crop:
        return f"{row.name} uses {row.views} of its {count} views"
    if not all(getattr(view, part) for view, part in zip(recipe.views, row.parts, strict=False)):
        return f"it does not make {' and '.join(sorted(set(row.parts)))}, which {row.name} needs"
    for part in EXTRA_PARTS:
        if part not in row.parts and any(getattr(view, part) for view in recipe.views):
            return f"it makes {part}, which {row.name} does not use"
    if recipe.negative is not None and not row.matched_negatives:
        return f"it makes a matched negative, which {row.name} does not use"
    return ""


def _changed(view: View, options: ViewOptions, large: bool) -> View:
    if large:
        view = _cropped(view, options)
    if large or options.background_small:
        view = replace(view, background=_background(view, options))
    if options.overlap_min is not None and view.crop.overlap_of is not None:
        view = replace(view, crop=replace(view.crop, overlap_min=options.overlap_min))
    if options.auto_augment_p is not None and view.photometric.auto_augment_p:
        chain = replace(view.photometric, auto_augment_p=options.auto_augment_p)
        view = replace(view, photometric=chain)
    if view.cam_masks and options.cam_px:
        view = replace(view, cam_masks=options.cam_px)
    return _jittered(_sized(view, options, large), options)


def _jittered(view: View, options: ViewOptions) -> View:
    """A view without any jitter stays as it is."""
    chain = view.photometric
    if not (chain.jitter_p or chain.gray_p):
        return view
    return replace(view, photometric=replace(chain, jitter_mode=cast("JitterMode", options.jitter)))


def _sized(view: View, options: ViewOptions, large: bool) -> View:
    size = (options.view_px if large else options.small_px) or view.size
    return replace(view, size=size, cam_masks=min(view.cam_masks, size))


def _cropped(view: View, options: ViewOptions) -> View:
    """With fg_min 0, CAST's crop becomes MoCo's, as in its ablation (table 2a, phi = 0)."""
    if options.fg_min is None:
        return view
    if options.fg_min == 0:
        crop = Crop(scale=view.crop.scale, ratio=view.crop.ratio, iou=view.crop.iou)
    else:
        rule = view.crop.rule if view.crop.rule in ("phi", "overlap") else None
        crop = replace(view.crop, fg_min=options.fg_min, rule=rule)
    return replace(view, crop=crop)


def _background(view: View, options: ViewOptions) -> Background:
    """AutoAugment turns pictures where their masks would not follow, so there the place is before it."""
    old = view.background
    kind = old.replace if options.background == "recipe" else cast("Replace", options.background)
    if kind == "none":
        if options.background_p:
            raise UsageError(
                "background_p is set, but nothing replaces the background",
                remedy="set background=grey or background=donor",
            )
        return Background()
    place = old.place if options.background_place == "recipe" else cast("Place", options.background_place)
    if options.background_place == "recipe" and view.photometric.auto_augment_p:
        place = "before"
    p = old.p if options.background_p is None else options.background_p
    if p == 0 and options.background_p is None and options.background != "recipe":
        raise UsageError("background is set, but not its probability", remedy="set background_p=0.2")
    return replace(old, replace=kind, p=p, place=place)


def _corruption(options: ViewOptions) -> Corruption | None:
    if options.corruption == "none":
        return None
    known = get_args(MaskChange)
    if options.corruption not in known:
        raise UsageError(
            f"corruption got {options.corruption!r}", remedy=nearest(options.corruption, ["none", *known])
        )
    return Corruption(change=cast("MaskChange", options.corruption), amount=options.corruption_amount)
