"""BG_Swaps' extra negative of each query, for the methods that contrast (Ryali et al. 2021, section 3.3).

Only some p·B rows of a batch have a matched negative, so only that many places are encoded; the other rows
take another photo's embedding of this step, which keeps the number of negatives the same for all.
"""

from __future__ import annotations

from math import ceil, sqrt

import torch
from torch import Tensor

from ..data.batch import Views
from ..distributed.ranks import step_generator
from ..presets import Preset

ROOM = 4.0
"""Standard deviations of the number of matched negatives for which there is room."""


class MatchedNegatives:
    """Which rows of a batch get their matched negative, and what the others get.

    Args:
        preset: the settings, whose recipe says how often a negative is matched.
    """

    def __init__(self, preset: Preset) -> None:
        negative = preset.views.negative
        self._p = 0.0 if negative is None else negative.p

    def choose(self, views: Views) -> tuple[Tensor, Tensor] | None:
        """The rows whose negatives are to be encoded, (R,) int64, and their pictures (R, 3, S, S).

        None without BG_Swaps. Matched rows come first; there is room for them all, but for one batch in
        30,000.
        """
        if views.negative is None or views.matched is None:
            return None
        rows = views.matched.int().argsort(descending=True, stable=True)[: self.room(len(views))]
        return rows, views.negative[rows]

    def room(self, size: int) -> int:
        """Places for matched negatives in a batch of a fixed shape."""
        return min(size, ceil(self._p * size + ROOM * sqrt(self._p * (1 - self._p) * size)))


def spread_negatives(keys: Tensor, rows: Tensor, encoded: Tensor, step: int, seed: int = 0) -> Tensor:
    """The extra negative of each query.

    Args:
        keys: (B, d) embeddings of the other views; a row that is not chosen takes another row's.
        rows: (R,) int64, those that are chosen.
        encoded: (R, d), their negatives.
        step: its number; from it and the seed follows whose key the others take.
        seed: the run's.

    Returns:
        (B, d); row i is no embedding of photo i.

    Example:
        >>> import torch
        >>> from maskgen.trainers.networks.matched_negatives import spread_negatives
        >>> keys, matched = torch.tensor([[0.0], [1.0]]), torch.tensor([[9.0]])
        >>> spread_negatives(keys, torch.tensor([1]), matched, step=0).tolist()
        [[1.0], [9.0]]
    """
    generator = step_generator(step, stream=2, seed=seed)
    distance = int(torch.randint(1, max(len(keys), 2), (), generator=generator))
    return keys.roll(distance, dims=0).index_copy(0, rows, encoded)
