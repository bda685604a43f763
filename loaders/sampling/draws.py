"""Everything random about a batch, drawn in numpy before a pixel is touched.

Each sample has a random stream of its own, so that its crops, colors and coins depend on the seed, the epoch
and the sample alone: not on the batch, the rank, the number of workers, or where a run was resumed. Only the
choice of other photos (donors of backgrounds, sources of negatives) looks at the batch, by rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maskgen.shards.meta import Meta

from ..recipes.spec import Recipe, View
from . import crops
from .backgrounds import draw_replaced
from .crops import by_view, choose_crops, covered, foreground_area
from .negatives import NegativeDraws, NegativeLaw
from .overlaps import shown_box
from .photometric import draw_plain
from .uniforms import uniforms
from .view_draws import BLOCK, ViewDraws


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatchDraws:
    """All draws of a batch of B rows.

    Args:
        views: one for each view of the recipe.
        negatives: the extra negatives of each row, `Negative.count` of them; none without BG_Swaps.
    """

    views: tuple[ViewDraws, ...]
    negatives: tuple[NegativeDraws, ...]


_REDRAWS = 1  # the streams behind that of corrupted masks


def draw(
    recipe: Recipe,
    sat: NDArray[np.uint16],
    meta: Meta,
    samples: NDArray[np.int64],
    *,
    seed: int,
    epoch: int,
    lends: NDArray[np.bool_] | None = None,
) -> BatchDraws:
    """Everything random about a batch.

    Args:
        recipe: what is made of each image.
        sat: (B, 33, 33) uint16 summed-area tables of the masks; (B, V, 33, 33) where each view, and each
            negative behind the last one, has a mask of its own.
        meta: (B,) of `shards.meta.META`, or (B, V) alike.
        samples: (B,) int64 numbers of the samples in the data set.
        seed: of the run.
        epoch: from 0.
        lends: (B,) bool, whose stored background may be shown behind others: it was made free of a
            foreground. None: where `sat` has one, which corrupted masks do not tell.
    """
    lends = sat.reshape(len(sat), -1)[:, -1] > 0 if lends is None else lends
    views = recipe.all_views
    drawn = uniforms(seed, epoch, samples, len(views) * BLOCK).reshape(len(sat), len(views), BLOCK)

    def again(attempt: int, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        stream = _REDRAWS + attempt
        more = uniforms(seed, epoch, samples[rows], len(views) * BLOCK, stream=stream)
        return more.reshape(len(rows), len(views), BLOCK)[..., : crops.UNIFORMS]

    boxes = choose_crops([view.crop for view in views], sat, meta, drawn[..., : crops.UNIFORMS], again)
    enough = _shown(views, sat, meta, boxes)
    plain = [draw_plain(view, drawn[:, i], boxes[:, i]) for i, view in enumerate(views)]
    for i, view in enumerate(views):
        if view.masks_within is not None:
            shown = shown_box(boxes[:, i], boxes[:, view.masks_within], plain[i].flip, view.size)
            plain[i] = replace(plain[i], mask_box=shown)
    done = tuple(
        draw_replaced(view.background, plain[i], drawn[:, i], enough[:, i], (samples, lends))
        for i, view in enumerate(recipe.views)
    )
    negatives: tuple[NegativeDraws, ...] = ()
    if recipe.negative is not None:
        own = NegativeLaw(recipe.negative, done[recipe.negative.background_of], len(done))
        negatives = tuple(
            own.draw(number, plain[len(done) + number], drawn, enough, (samples, lends))
            for number in range(recipe.negative.count)
        )
    return BatchDraws(views=done, negatives=negatives)


def _shown(
    views: tuple[View, ...], sat: NDArray[np.uint16], meta: Meta, boxes: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """(B, V) whether photo and crop hold enough foreground, trusted enough, to change what is behind it."""
    sat, meta = by_view(sat, meta)
    area = foreground_area(meta)
    share = covered(sat, boxes) * area / boxes[..., 2:].prod(axis=-1)
    laws = [view.background for view in views]
    least = np.array([(law.min_area, law.min_visible) for law in laws])
    enough = (area >= least[:, 0]) & (share >= least[:, 1]) & (sat[..., -1, -1] > 0)
    trust = np.array([round(law.min_confidence * 1e6) for law in laws])
    enough &= (trust == 0) | (meta["confidence_ppm"] >= trust)
    return np.asarray(enough)
