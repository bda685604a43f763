"""The extra negatives of BG_Swaps: other photos on the backgrounds of their queries."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..recipes.spec import Negative
from .backgrounds import uncolored
from .view_draws import DONOR, GRAY, KEEP, OTHER, PASTE, REPLACE_COIN, ViewDraws


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


@dataclass(frozen=True, slots=True)
class NegativeLaw:
    """How the negatives of a batch are drawn.

    Args:
        law: of the recipe.
        query: the draws of the view that they are matched to.
        first: place of the first one among all views.
    """

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
        """One negative of each row; arguments as `backgrounds.draw_replaced`, of all views."""
        law, place, (samples, lends) = self.law, self.first + number, batch
        source = draw_shift(drawn[:, self.first, OTHER], number)
        coin = drawn[:, law.background_of if law.coupled else place, REPLACE_COIN]
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
        negative.with_picture_of(query),
        kind=np.where(gray, GRAY, np.where(picture, DONOR, KEEP)).astype(np.uint8),
        gray=np.where(gray, query.gray, 0).astype(np.uint8),
        donor=np.where(picture, lent, -1).astype(np.int32),
    )
    return uncolored(made) if before else made
