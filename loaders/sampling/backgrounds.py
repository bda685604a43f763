"""What becomes of a view's background: its own, gray, or that of another photo of the batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..recipes.parts import Background
from .photometric import UNCHANGED
from .view_draws import DONOR, GRAY, KEEP, LEVEL, OTHER, REPLACE_COIN, ViewDraws


def draw_replaced(
    background: Background,
    plain: ViewDraws,
    drawn: NDArray[np.float32],
    shown: NDArray[np.bool_],
    batch: tuple[NDArray[np.int64], NDArray[np.bool_]],
) -> ViewDraws:
    """A view's draws with what becomes of its background.

    Args:
        background: the law of it.
        plain: its draws with its own one.
        drawn: (B, `view_draws.BLOCK`) its random numbers.
        shown: (B,) bool, whether it shows enough foreground for another one.
        batch: (B,) the samples of the batch, and (B,) which of them lend.
    """
    if not background.p:
        return plain
    wanted = drawn[:, REPLACE_COIN] < background.p
    chosen = shown & wanted
    if background.replace == "grey":
        level = np.floor(drawn[:, LEVEL] * 256) if background.gray is None else round(background.gray * 255)
        return replace(
            plain,
            kind=np.where(chosen, GRAY, KEEP).astype(np.uint8),
            skipped=wanted & ~chosen,
            gray=np.where(chosen, level, 0).astype(np.uint8),
        )
    samples, lends = batch
    other = draw_others(drawn[:, OTHER], samples, lends)
    chosen = chosen & (samples[other] != samples)
    own = plain.rows(np.where(chosen, other, np.arange(len(other))))
    shown_as = replace(
        plain.with_picture_of(own),
        kind=np.where(chosen, DONOR, KEEP).astype(np.uint8),
        skipped=wanted & ~chosen,
        donor=np.where(chosen, other, -1).astype(np.int32),
    )
    return uncolored(shown_as) if background.place == "before" else shown_as


def uncolored(view: ViewDraws) -> ViewDraws:
    """The same with the background picture in its own colors: it goes through the view's chain with it."""
    return replace(
        view,
        bg_color=np.broadcast_to(UNCHANGED, view.bg_color.shape),
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
