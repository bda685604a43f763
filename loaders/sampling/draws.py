"""Everything random about a batch, drawn in numpy before a pixel is touched.

Each sample has a random stream of its own, so that its crops, colors and coins depend on the seed, the epoch
and the sample alone: not on the batch, the rank, the number of workers, or where a run was resumed. Only the
choice of other photos (donors of backgrounds, sources of negatives) looks at the batch, by rows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.shards.meta import Meta

from ..recipes.parts import Background, Photometric
from ..recipes.spec import Negative, Recipe, View
from . import crops
from .crops import by_view, choose_crops, covered, foreground_area
from .overlaps import shown_box
from .uniforms import uniforms

KEEP, GRAY, DONOR, PASTE = 0, 1, 2, 3

# Places in a view's block of random numbers, behind those of its crop; the layout is part of reproducibility.
_BLOCK = 64
_FLIP, _JITTER_COIN, _JITTER = crops.UNIFORMS, crops.UNIFORMS + 1, crops.UNIFORMS + 2
_GRAY_COIN, _BLUR_COIN, _SIGMA, _SOLARIZE_COIN = range(crops.UNIFORMS + 6, crops.UNIFORMS + 10)
_POLICY_COIN, _POLICY, _POLICY_U = crops.UNIFORMS + 10, crops.UNIFORMS + 11, crops.UNIFORMS + 12
_REPLACE_COIN, _LEVEL, _OTHER, _ORDER = range(crops.UNIFORMS + 16, crops.UNIFORMS + 20)
POLICIES = 25
_ORDERS = np.array(list(permutations(range(4))), np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewDraws:
    """What is done to one view of each of B rows.

    Args:
        box: (B, 4) float32 (y0, x0, height, width) relative to the stored photo, edges on whole pixels of it.
        flip: (B,) bool, whether the view is flipped left to right.
        color: (B, 4) float32 brightness, contrast, saturation, hue in degrees; 1, 1, 1, 0 changes nothing.
        order: (B, 4) uint8, the order of these steps where they are not one map: 0 brightness, 1 contrast,
            2 saturation, 3 hue.
        grayscale: (B,) bool, whether grayscale follows them as a step of its own.
        sigma: (B,) float32, σ of the Gaussian blur in px of the view; 0: none.
        solarize: (B,) bool.
        policy: (B,) int16, AutoAugment sub-policy 0..24 in place of color, blur and solarize; -1: none.
        policy_u: (B, 4) float32 in [0, 1): whether its two operations happen, and their signs.
        kind: (B,) uint8, background 0 kept, 1 gray, 2 of another picture; of a negative also 3: made of this
            view and its query's, see `Negative.formula`.
        skipped: (B,) bool, whether the background was to be another, and there was too little foreground for
            that, or no other row that lends one.
        gray: (B,) uint8, the gray level where kind is 1.
        donor: (B,) int32, row whose background picture is shown where kind is 2, else -1.
        mask_box: (B, 4) int32 (y0, x0, y1, x1), px of the view: the part of it that its masks may show as
            foreground, see `View.masks_within`.
        bg_box, bg_flip, bg_color, bg_order, bg_grayscale, bg_sigma, bg_solarize: where kind is 2, how that
            picture is cut and colored; shapes as above. A background placed before the photometric chain
            keeps its colors here.
    """

    box: NDArray[np.float32]
    flip: NDArray[np.bool_]
    color: NDArray[np.float32]
    order: NDArray[np.uint8]
    grayscale: NDArray[np.bool_]
    sigma: NDArray[np.float32]
    solarize: NDArray[np.bool_]
    policy: NDArray[np.int16]
    policy_u: NDArray[np.float32]
    kind: NDArray[np.uint8]
    skipped: NDArray[np.bool_]
    gray: NDArray[np.uint8]
    donor: NDArray[np.int32]
    mask_box: NDArray[np.int32]
    bg_box: NDArray[np.float32]
    bg_flip: NDArray[np.bool_]
    bg_color: NDArray[np.float32]
    bg_order: NDArray[np.uint8]
    bg_grayscale: NDArray[np.bool_]
    bg_sigma: NDArray[np.float32]
    bg_solarize: NDArray[np.bool_]

    def rows(self, chosen: NDArray[np.integer[Any]]) -> ViewDraws:
        """The draws of the (n,) chosen rows, in that order; `donor` still counts rows of the whole batch."""
        return ViewDraws(**{part.name: getattr(self, part.name)[chosen] for part in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NegativeDraws:
    """An extra negative of each of B rows' queries.

    Args:
        view: row i describes the negative of query i, a view of the photo of row `source[i]`.
        source: (B,) int32, a permutation without fixed points if B > 1.
        matched: (B,) bool, whether the negative stands on its query's final background, or on that of the
            view that `Negative.background_of` names.
    """

    view: ViewDraws
    source: NDArray[np.int32]
    matched: NDArray[np.bool_]


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
    drawn = uniforms(seed, epoch, samples, len(views) * _BLOCK).reshape(len(sat), len(views), _BLOCK)

    def again(attempt: int, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        stream = _REDRAWS + attempt
        more = uniforms(seed, epoch, samples[rows], len(views) * _BLOCK, stream=stream)
        return more.reshape(len(rows), len(views), _BLOCK)[..., : crops.UNIFORMS]

    boxes = choose_crops([view.crop for view in views], sat, meta, drawn[..., : crops.UNIFORMS], again)
    enough = _shown(views, sat, meta, boxes)
    plain = [_plain(view, drawn[:, i], boxes[:, i]) for i, view in enumerate(views)]
    for i, view in enumerate(views):
        if view.masks_within is not None:
            shown = shown_box(boxes[:, i], boxes[:, view.masks_within], plain[i].flip, view.size)
            plain[i] = replace(plain[i], mask_box=shown)
    done = tuple(
        _replaced(view.background, plain[i], drawn[:, i], enough[:, i], (samples, lends))
        for i, view in enumerate(recipe.views)
    )
    negatives: tuple[NegativeDraws, ...] = ()
    if recipe.negative is not None:
        own = _Negatives(recipe.negative, done[recipe.negative.background_of], len(done))
        negatives = tuple(
            own.draw(number, plain[len(done) + number], drawn, enough, (samples, lends))
            for number in range(recipe.negative.count)
        )
    return BatchDraws(views=done, negatives=negatives)


@dataclass(frozen=True, slots=True)
class _Negatives:
    """The law of the negatives, the draws of the view that they are matched to, and where they begin."""

    law: Negative
    query: ViewDraws
    first: int

    def draw(
        self,
        number: int,
        plain: ViewDraws,
        drawn: NDArray[np.float32],
        shown: NDArray[np.bool_],
        batch: tuple[NDArray[np.int64], NDArray[np.bool_]],
    ) -> NegativeDraws:
        """One negative of each row; arguments as `_replaced`, of all views."""
        law, place, (samples, lends) = self.law, self.first + number, batch
        source = draw_shift(drawn[:, self.first, _OTHER], number)
        coin = drawn[:, law.background_of if law.coupled else place, _REPLACE_COIN]
        seen = shown[source, place] & lends if law.formula == "prose" else shown[:, law.background_of]
        matched = np.asarray((coin < law.p) & seen & (samples[source] != samples))
        if law.coupled:
            matched &= self.query.kind != KEEP
        view = plain.rows(source)
        if law.formula == "prose":
            before = law.view.background.place == "before"
            view = _on_background(view, self.query, matched, before=before)
        else:
            view = replace(view, kind=np.where(matched, PASTE, KEEP).astype(np.uint8))
        return NegativeDraws(view=view, source=source, matched=matched)


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


def _plain(view: View, drawn: NDArray[np.float32], box: NDArray[np.float32]) -> ViewDraws:
    """The draws of one view with its own background."""
    chain, count = view.photometric, len(drawn)
    policy = np.full(count, -1, np.int16)
    if chain.auto_augment_p:
        chosen = (drawn[:, _POLICY] * POLICIES).astype(np.int16)
        policy = np.where(drawn[:, _POLICY_COIN] < chain.auto_augment_p, chosen, policy)
    usual = policy < 0
    low, high = chain.blur_sigma
    sigma = np.float32(low) + drawn[:, _SIGMA] * np.float32(high - low)
    flip = drawn[:, _FLIP] < view.flip_p
    color = np.where(usual[:, None], _colors(chain, drawn), _SAME)
    order = _ORDERS[(drawn[:, _ORDER] * len(_ORDERS)).astype(np.int64)]
    grayscale = usual & (chain.jitter_mode == "torchvision") & (drawn[:, _GRAY_COIN] < chain.gray_p)
    sigma = np.where(usual & (drawn[:, _BLUR_COIN] < chain.blur_p), sigma, np.float32(0))
    solarize = usual & (drawn[:, _SOLARIZE_COIN] < chain.solarize_p)
    return ViewDraws(
        box=box,
        flip=flip,
        color=color,
        order=order,
        grayscale=grayscale,
        sigma=sigma,
        solarize=solarize,
        policy=policy,
        policy_u=drawn[:, _POLICY_U : _POLICY_U + 4],
        kind=np.zeros(count, np.uint8),
        skipped=np.zeros(count, np.bool_),
        gray=np.zeros(count, np.uint8),
        donor=np.full(count, -1, np.int32),
        mask_box=np.tile(np.array([0, 0, view.size, view.size], np.int32), (count, 1)),
        bg_box=box,
        bg_flip=flip,
        bg_color=color,
        bg_order=order,
        bg_grayscale=grayscale,
        bg_sigma=sigma,
        bg_solarize=solarize,
    )


_SAME = np.array([1, 1, 1, 0], np.float32)


def _colors(chain: Photometric, drawn: NDArray[np.float32]) -> NDArray[np.float32]:
    """(B, 4) brightness, contrast, saturation factors and hue degrees, as ColorJitter draws them."""
    reach = np.array([*chain.jitter[:3], 360 * chain.jitter[3]], np.float32)
    low, high = _SAME - reach, _SAME + reach
    low[:3] = np.maximum(low[:3], 0)
    jittered = low + drawn[:, _JITTER : _JITTER + 4] * (high - low)
    color = np.where(drawn[:, _JITTER_COIN, None] < chain.jitter_p, jittered, _SAME)
    if chain.jitter_mode == "affine":
        color[drawn[:, _GRAY_COIN] < chain.gray_p, 2] = 0
    return color


def _replaced(
    background: Background,
    plain: ViewDraws,
    drawn: NDArray[np.float32],
    shown: NDArray[np.bool_],
    batch: tuple[NDArray[np.int64], NDArray[np.bool_]],
) -> ViewDraws:
    """A view's draws with what becomes of its background; `batch`: its samples, and which of them lend."""
    if not background.p:
        return plain
    wanted = drawn[:, _REPLACE_COIN] < background.p
    chosen = shown & wanted
    if background.replace == "grey":
        level = np.floor(drawn[:, _LEVEL] * 256) if background.gray is None else round(background.gray * 255)
        return replace(
            plain,
            kind=np.where(chosen, GRAY, KEEP).astype(np.uint8),
            skipped=wanted & ~chosen,
            gray=np.where(chosen, level, 0).astype(np.uint8),
        )
    samples, lends = batch
    other = draw_others(drawn[:, _OTHER], samples, lends)
    chosen = chosen & (samples[other] != samples)
    own = plain.rows(np.where(chosen, other, np.arange(len(other))))
    shown_as = replace(
        plain,
        kind=np.where(chosen, DONOR, KEEP).astype(np.uint8),
        skipped=wanted & ~chosen,
        donor=np.where(chosen, other, -1).astype(np.int32),
        bg_box=own.box,
        bg_flip=own.flip,
        bg_color=own.color,
        bg_order=own.order,
        bg_grayscale=own.grayscale,
        bg_sigma=own.sigma,
        bg_solarize=own.solarize,
    )
    return _uncolored(shown_as) if background.place == "before" else shown_as


def _uncolored(view: ViewDraws) -> ViewDraws:
    """The same with the background picture in its own colors: it goes through the view's chain with it."""
    return replace(
        view,
        bg_color=np.broadcast_to(_SAME, view.bg_color.shape),
        bg_grayscale=np.zeros_like(view.bg_grayscale),
        bg_sigma=np.zeros_like(view.bg_sigma),
        bg_solarize=np.zeros_like(view.bg_solarize),
    )


def draw_others(
    drawn: NDArray[np.float32], samples: NDArray[np.int64], lends: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """(B,) a row for each that lends its background, drawn evenly of the others.

    Where the batch has none with another sample in it, the row is of the same sample, or the row itself.
    """
    row, lenders = np.arange(len(samples)), np.flatnonzero(lends)
    if not len(lenders):
        return row
    first = np.searchsorted(lenders, row, side="right")  # the lender behind each row, in a circle
    place = first + (drawn * (len(lenders) - lends).astype(np.float32)).astype(np.int64)
    other = lenders[place % len(lenders)]
    for _ in lenders:
        same = samples[other] == samples  # a small data set, padded, comes twice in one batch
        if not same.any():
            break
        place = place + same
        other = lenders[place % len(lenders)]
    return other


def draw_shift(drawn: NDArray[np.float32], number: int = 0) -> NDArray[np.int32]:
    """(B,) other rows: all shifted alike, so that each photo is the source of one negative.

    Args:
        drawn: (B,) in [0, 1).
        number: of the negative, from 0; each has another shift, while there are as many.
    """
    count = len(drawn)
    by = 1 + (int(drawn[0] * np.float32(count - 1)) + number) % (count - 1) if count > 1 else 0
    return np.roll(np.arange(count, dtype=np.int32), -by)


def _on_background(
    negative: ViewDraws, query: ViewDraws, matched: NDArray[np.bool_], *, before: bool
) -> ViewDraws:
    """The negatives' draws: the matched ones on the final background of their query.

    A query that kept its background lends its own background picture, cut and colored as the query itself;
    with `before` it is only cut so, as it gets the negative's colors.
    """
    rows = np.arange(len(matched))
    gray = matched & (query.kind == GRAY)
    lent = np.where(query.kind == DONOR, query.donor, rows)
    picture = matched & ~gray
    made = replace(
        negative,
        kind=np.where(gray, GRAY, np.where(picture, DONOR, KEEP)).astype(np.uint8),
        gray=np.where(gray, query.gray, 0).astype(np.uint8),
        donor=np.where(picture, lent, -1).astype(np.int32),
        bg_box=query.bg_box,
        bg_flip=query.bg_flip,
        bg_color=query.bg_color,
        bg_order=query.bg_order,
        bg_grayscale=query.bg_grayscale,
        bg_sigma=query.bg_sigma,
        bg_solarize=query.bg_solarize,
    )
    return _uncolored(made) if before else made


def color_matrix(color: NDArray[np.float32]) -> NDArray[np.float32]:
    """The affine maps of RGB that `nvidia.dali.fn.color_twist` applies.

    In YIQ the saturation scales and the hue turns the chroma; then contrast around 128, then brightness.

    Args:
        color: (B, 4) brightness, contrast, saturation factors and hue in degrees.

    Returns:
        (B, 3, 4) float32: new RGB = m[:, :3] · RGB + m[:, 3], for values 0..255.
    """
    brightness, contrast, saturation, hue = np.asarray(color, np.float64).T
    turn = np.zeros((len(color), 3, 3))
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = saturation * np.cos(np.deg2rad(hue))
    turn[:, 1, 2] = saturation * np.sin(np.deg2rad(hue))
    turn[:, 2, 1] = -turn[:, 1, 2]
    matrix = np.empty((len(color), 3, 4))
    matrix[..., :3] = (brightness * contrast)[:, None, None] * (_RGB_OF_YIQ @ turn @ _YIQ_OF_RGB)
    matrix[..., 3] = (brightness * (128 - 128 * contrast))[:, None]
    return matrix.astype(np.float32)


# NTSC, with the three digits that DALI uses; its inverse is exact, so gray may come out up to 0.6 off gray.
_YIQ_OF_RGB = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]])
_RGB_OF_YIQ = np.linalg.inv(_YIQ_OF_RGB)
