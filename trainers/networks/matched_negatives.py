"""BG_Swaps' extra negatives of each query, for the methods that contrast (Ryali et al. 2021, section 3.3).

Only some p·B rows of a batch have a matched negative, so only that many places are encoded; the other rows
take another photo's embedding of this step, which keeps the number of negatives the same for all. So do the
keys on their own backgrounds that MoCo's queue may take.
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
    """Which rows of a batch get their matched negatives, and what the others get.

    Args:
        preset: the settings, whose recipe says how often a negative is matched.
    """

    def __init__(self, preset: Preset) -> None:
        negative = preset.views.negative
        self._p = 0.0 if negative is None else negative.p
        self.count = 1 if negative is None else negative.count
        self._alike = self.count if negative is not None and negative.coupled else 1

    def choose(self, views: Views) -> tuple[Tensor, Tensor] | None:
        """The negatives that are to be encoded, (R,) int64, and their pictures (R, 3, S, S).

        A negative is known by row · n + number, where each row has n. None without BG_Swaps. Matched ones
        come first; there is room for them all, but for one batch in 30,000.
        """
        if views.negative is None or views.matched is None:
            return None
        matched, pictures = views.matched.flatten(), views.negative.reshape(-1, *views.negative.shape[-3:])
        rows = first_rows(matched, self.room(len(views)))
        return rows, pictures[rows]

    def room(self, size: int) -> int:
        """Places for matched negatives in a batch of a fixed shape."""
        coins = size * self.count // self._alike  # coupled, those of a query are matched all or none
        return self._alike * room(self._p, coins)

    def spread(self, keys: Tensor, rows: Tensor, encoded: Tensor, step: int, seed: int) -> Tensor:
        """`spread_negatives` of as many negatives as each query has."""
        return spread_negatives(keys, rows, encoded, step, seed, count=self.count)


def room(p: float, size: int) -> int:
    """Places that suffice for those of `size` rows that coins of probability p choose, but for freak batches.

    Example:
        >>> room(0.2, 256), room(0.0, 256), room(1.0, 256)
        (77, 0, 256)
    """
    return min(size, ceil(p * size + ROOM * sqrt(p * (1 - p) * size)))


def first_rows(wanted: Tensor, count: int) -> Tensor:
    """(count,) int64 rows of a (B,) bool mask, those that it wants before the others, each in their order."""
    return wanted.int().argsort(descending=True, stable=True)[:count]


def spread_negatives(
    keys: Tensor, rows: Tensor, encoded: Tensor, step: int, seed: int = 0, *, count: int = 1
) -> Tensor:
    """The extra negatives of each query.

    Args:
        keys: (B, d) embeddings of the other views; what is not chosen takes another row's.
        rows: (R,) int64, those that are chosen, row · count + number.
        encoded: (R, d), their negatives.
        step: its number; from it and the seed follows whose key the others take.
        seed: the run's.
        count: negatives of each query; those of one take different keys, while there are as many.

    Returns:
        (B, d), or (B, count, d) for several; row i is no embedding of photo i.

    Example:
        >>> import torch
        >>> from maskgen.trainers.networks.matched_negatives import spread_negatives
        >>> keys, matched = torch.tensor([[0.0], [1.0]]), torch.tensor([[9.0]])
        >>> spread_negatives(keys, torch.tensor([1]), matched, step=0).tolist()
        [[1.0], [9.0]]
        >>> three = torch.tensor([[0.0], [1.0], [2.0]])
        >>> spread_negatives(three, torch.tensor([3]), matched, step=0, count=2).flatten(1).tolist()
        [[1.0, 2.0], [2.0, 9.0], [0.0, 1.0]]
    """
    generator = step_generator(step, stream=2, seed=seed)
    distance = int(torch.randint(1, max(len(keys), 2), (), generator=generator))
    others = max(len(keys) - 1, 1)
    distances = [1 + (distance - 1 + number) % others for number in range(count)]
    if count == 1:
        return keys.roll(distance, dims=0).index_copy(0, rows, encoded)
    taken = torch.stack([keys.roll(one, dims=0) for one in distances], dim=1)
    return taken.flatten(0, 1).index_copy(0, rows, encoded).reshape(taken.shape)
