"""The draws of a batch as the one array that is fed to a graph, and the names of what a graph gives back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskgen.shards.meta import Meta

from ..recipes.spec import Recipe, View
from ..sampling.draws import DONOR as SHOWS_DONOR
from ..sampling.draws import GREY as SHOWS_GREY
from ..sampling.draws import BatchDraws, ViewDraws
from .tiles import Tiling

ROI, COLOUR, SIGMA, SOLARISE = slice(0, 4), slice(4, 8), 8, 9
KIND, GREY, DONOR, SOURCE = 10, 11, 12, 13
BG_ROI, BG_COLOUR, BG_SIGMA, BG_SOLARISE = slice(14, 18), slice(18, 22), 22, 23
BG_PLACE, BG_STRIP = slice(24, 28), slice(28, 32)
POLICY, POLICY_U = 32, slice(33, 37)
WIDTH = 37


class Output(NamedTuple):
    """One output of a graph: the key of `Batch` it belongs to, and its view."""

    name: str
    view: int


def outputs(recipe: Recipe) -> tuple[Output, ...]:
    """The outputs of a recipe's graph, in order; the negative is the view behind the last one.

    Masks are given for `View.cam_masks` too, which are made from them.
    """
    found = []
    for index, view in enumerate(recipe.views):
        found.append(Output("views", index))
        masks = view.masks or view.cam_masks > 0
        wanted = (("masks", masks), ("weak", view.weak), ("masked", view.masked))
        found += [Output(name, index) for name, asked in wanted if asked]
    if recipe.negative is not None:
        found.append(Output("negative", len(recipe.views)))
    return tuple(found)


def all_views(recipe: Recipe) -> tuple[View, ...]:
    """The views of a recipe, and behind them that of the negative."""
    return (*recipe.views, *((recipe.negative.view,) if recipe.negative is not None else ()))


def kinds(recipe: Recipe, view: int) -> frozenset[int]:
    """What may take the place of a view's background; the view behind the last one is the negative."""
    own = recipe.views[min(view, len(recipe.views) - 1)].background
    if view == len(recipe.views):
        own = recipe.views[0].background
        if recipe.negative is None or not recipe.negative.p:
            return frozenset()
        return frozenset({SHOWS_DONOR, SHOWS_GREY} if own.replace == "grey" and own.p else {SHOWS_DONOR})
    found = {"none": (), "grey": (SHOWS_GREY,), "donor": (SHOWS_DONOR,)}[own.replace]
    return frozenset(found if own.p else ())


def pack(draws: BatchDraws, meta: Meta) -> NDArray[np.float32]:
    """The draws of B rows as (B, V, 37) float32; the column names above say what is where.

    A region of interest is (y0, x0, y1, x1) relative to the picture, with x0 > x1 in a flipped view; `BG_PLACE` is
    where the donor's stored background lies on the donor's photo, (y0, x0, y1, x1) relative to it, and `BG_STRIP`
    zero, or the part of that photo to be repeated there in the stored background's stead. Behind the
    views stands the negative, where there is one: its row i is the negative of query i and shows the photo of row
    `SOURCE`; a view's `SOURCE` is its own row. Whole numbers are below 2**24, so float32 holds them exactly.

    Args:
        draws: of the batch.
        meta: (B,) of `shards.meta.META`.
    """
    own = np.arange(len(meta))
    places = meta["bg_box"] / np.tile(meta["size"], 2)
    views = [_columns(view, own, places) for view in draws.views]
    if draws.negative is not None:
        views.append(_columns(draws.negative, draws.negative_source, places))
    return np.stack(views, axis=1)


def set_tiling(plan: NDArray[np.float32], places: NDArray[np.bool_], tiling: Tiling, meta: np.void) -> None:
    """Let (B, V) places of a plan show a background that is tiled anew on a photo with this `META`."""
    size = np.tile(meta["size"], 2)
    plan[places, BG_PLACE] = np.array(tiling.region) / size
    plan[places, BG_STRIP] = np.array(tiling.strip) / size


def by_photo(plan: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same plan with each view's row at its `SOURCE`, for a graph that sees one photo at a time."""
    turned = np.empty_like(plan)
    for view in range(plan.shape[1]):
        turned[plan[:, view, SOURCE].astype(np.intp), view] = plan[:, view]
    return turned


def _columns(
    draws: ViewDraws, source: NDArray[np.integer[Any]], places: NDArray[np.float64]
) -> NDArray[np.float32]:
    plan = np.empty((len(source), WIDTH), np.float32)
    for column, values in (
        (ROI, _region(draws.box, draws.flip)),
        (COLOUR, draws.colour),
        (SIGMA, draws.sigma),
        (SOLARISE, draws.solarise),
        (KIND, draws.kind),
        (GREY, draws.grey),
        (DONOR, draws.donor),
        (SOURCE, source),
        (BG_ROI, _region(draws.bg_box, draws.bg_flip)),
        (BG_COLOUR, draws.bg_colour),
        (BG_SIGMA, draws.bg_sigma),
        (BG_SOLARISE, draws.bg_solarise),
        (BG_PLACE, places[draws.donor]),
        (BG_STRIP, 0),
        (POLICY, draws.policy),
        (POLICY_U, draws.policy_u),
    ):
        plan[:, column] = values
    return plan


def _region(box: NDArray[np.float32], flip: NDArray[np.bool_]) -> NDArray[np.float32]:
    y0, x0, height, width = box.T
    y1, x1 = y0 + height, x0 + width
    return np.stack([y0, np.where(flip, x1, x0), y1, np.where(flip, x0, x1)], axis=1)
