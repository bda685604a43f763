"""The draws of a batch as one table, and the names of what a renderer gives back."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from maskgen.shards.meta import Meta

from ..recipes.spec import Recipe, View
from ..sampling.draws import BatchDraws
from ..sampling.view_draws import DONOR, GRAY, PASTE, ViewDraws
from .tiles import Tiling

DRAWS = np.dtype(
    [
        ("roi", "f4", 4),
        ("color", "f4", 4),
        ("order", "f4", 4),
        ("grayscale", "f4"),
        ("sigma", "f4"),
        ("solarize", "f4"),
        ("kind", "f4"),
        ("gray", "f4"),
        ("donor", "f4"),
        ("source", "f4"),
        ("query", "f4"),
        ("bg_roi", "f4", 4),
        ("bg_color", "f4", 4),
        ("bg_order", "f4", 4),
        ("bg_grayscale", "f4"),
        ("bg_sigma", "f4"),
        ("bg_solarize", "f4"),
        ("bg_place", "f4", 4),
        ("bg_strip", "f4", 4),
        ("policy", "f4"),
        ("policy_u", "f4", 4),
        ("mask_box", "f4", 4),
    ]
)
"""What is done to one view of one row; the fields are those of `ViewDraws`, and these:

``roi`` and ``bg_roi`` are regions of interest (y0, x0, y1, x1) relative to the picture, with x0 > x1 in a
flipped view. ``source`` is the row whose photo is shown: a view's own, and that of a negative; ``query`` the
row that it is shown in. ``bg_place``
is where the donor's stored background lies on the donor's photo, (y0, x0, y1, x1) relative to it, and
``bg_strip`` zero, or the part of that photo to be repeated there in the stored background's stead. All fields
are float32, so that a table is a plain array of floats as well; whole numbers are below 2**24, which float32
holds exactly.
"""

DrawTable: TypeAlias = NDArray[np.void]
"""(B, V) of `DRAWS`; behind the views stand the negatives, if there are any: row i is that of query i."""


def as_floats(table: DrawTable) -> NDArray[np.float32]:
    """(B, V) of `DRAWS` as (B, V, 52) float32, the same memory: a graph of DALI takes numbers alone."""
    return table.view(np.float32).reshape(*table.shape, -1)


def from_floats(rows: NDArray[np.float32]) -> DrawTable:
    """The (B, V) of `DRAWS` that `as_floats` made (B, V, 52) of."""
    return np.ascontiguousarray(rows).view(DRAWS)[..., 0]


def columns(field: str) -> slice:
    """Where a field of `DRAWS` stands among the 52 floats.

    Example:
        >>> columns("roi"), columns("kind")
        (slice(0, 4, None), slice(15, 16, None))
    """
    names = DRAWS.names or ()
    start = sum(DRAWS[name].itemsize for name in names[: names.index(field)]) // 4
    return slice(start, start + DRAWS[field].itemsize // 4)


class Output(NamedTuple):
    """One output of a graph: the key of `Batch` it belongs to, and its view."""

    name: str
    view: int


def outputs(recipe: Recipe) -> tuple[Output, ...]:
    """The outputs of a recipe's graph, in order; the negatives are the views behind the last one.

    Masks are given for `View.cam_masks` too, which are made from them.
    """
    found = []
    for index, view in enumerate(recipe.views):
        found.append(Output("views", index))
        masks = view.masks or view.cam_masks > 0
        wanted = (("masks", masks), ("weak", view.weak), ("masked", view.masked), ("kept", view.kept))
        found += [Output(name, index) for name, asked in wanted if asked]
    found += [Output("negative", index) for index in range(len(recipe.views), len(recipe.all_views))]
    return tuple(found)


def background_of(recipe: Recipe, view: int) -> View:
    """The view whose background another one has: its own, or of a negative that which it is matched to."""
    extra = recipe.negative
    return recipe.views[view if extra is None or view < len(recipe.views) else extra.background_of]


def fill_color(recipe: Recipe, view: int) -> tuple[int, ...] | None:
    """The (R, G, B), 0..255, of a view whose background is one color; None where that is a gray level."""
    color = background_of(recipe, view).background.color
    return None if color is None else tuple(round(255 * value) for value in color)


def kinds(recipe: Recipe, view: int) -> frozenset[int]:
    """What may take the place of a view's background; the views behind the last one are the negatives."""
    law, extra = background_of(recipe, view).background, recipe.negative
    own = {"none": (), "grey": (GRAY,), "donor": (DONOR,)}[law.replace] if law.p else ()
    if view < len(recipe.views) or extra is None:
        return frozenset(own)
    if not extra.p:
        return frozenset()
    return frozenset({PASTE}) if extra.formula != "prose" else frozenset({DONOR, *own})


def pack(draws: BatchDraws, meta: Meta) -> DrawTable:
    """The draws of B rows as one table.

    Args:
        draws: of the batch.
        meta: (B,) of `shards.meta.META`.
    """
    own = np.arange(len(meta))
    places = meta["bg_box"] / np.tile(meta["size"], 2)
    views = [_fill(view, own, places) for view in draws.views]
    views += [_fill(negative.view, negative.source, places) for negative in draws.negatives]
    return np.stack(views, axis=1)


def set_tiling(table: DrawTable, places: NDArray[np.bool_], tiling: Tiling, meta: np.void) -> None:
    """Let (B, V) places of a table show a background that is tiled anew on a photo with this `META`."""
    size = np.tile(meta["size"], 2)
    table["bg_place"][places] = np.array(tiling.region) / size
    table["bg_strip"][places] = np.array(tiling.strip) / size


def by_photo(table: DrawTable) -> DrawTable:
    """The same table with each view's row at its ``source``, for a graph that sees one photo at a time."""
    turned = np.empty_like(table)
    for view in range(table.shape[1]):
        turned[table[:, view]["source"].astype(np.intp), view] = table[:, view]
    return turned


def blank(rows: int, views: int) -> DrawTable:
    """A (rows, views) table that shows each photo as it is."""
    table = np.zeros((rows, views), DRAWS)
    table["roi"] = (0, 0, 1, 1)
    table["color"] = table["bg_color"] = (1, 1, 1, 0)
    table["order"] = table["bg_order"] = (0, 1, 2, 3)
    table["donor"] = table["policy"] = -1
    table["source"] = table["query"] = np.arange(rows)[:, None]
    return table


_COPIED = (
    "color",
    "order",
    "grayscale",
    "sigma",
    "solarize",
    "kind",
    "gray",
    "donor",
    "policy",
    "policy_u",
    "mask_box",
    "bg_color",
    "bg_order",
    "bg_grayscale",
    "bg_sigma",
    "bg_solarize",
)


def _fill(draws: ViewDraws, source: NDArray[np.integer[Any]], places: NDArray[np.float64]) -> DrawTable:
    """(B,) of `DRAWS` of one view."""
    made = np.zeros(len(source), DRAWS)
    for field in _COPIED:
        made[field] = getattr(draws, field)
    made["roi"] = _region(draws.box, draws.flip)
    made["bg_roi"] = _region(draws.bg_box, draws.bg_flip)
    made["bg_place"] = places[draws.donor]
    made["source"], made["query"] = source, np.arange(len(source))
    return made


def _region(box: NDArray[np.float32], flip: NDArray[np.bool_]) -> NDArray[np.float32]:
    y0, x0, height, width = box.T
    y1, x1 = y0 + height, x0 + width
    return np.stack([y0, np.where(flip, x1, x0), y1, np.where(flip, x0, x1)], axis=1)
