"""Weighted nearest neighbors on frozen features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from maskgen.errors import UsageError

from ..distributed.ranks import all_sum, own_range

KS = (10, 20, 100, 200)
TEMPERATURE = 0.07
_CHUNK = 1024


@torch.no_grad()
def knn_accuracy(
    bank: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor] | None,
    *,
    ks: Sequence[int] = KS,
    temperature: float = TEMPERATURE,
) -> dict[int, float]:
    """The share of test images whose class the bank's neighbors vote for (Wu et al. 2018, section 3.4).

    Each of the k nearest by cosine s votes for its class with weight exp(s / temperature); ties go to the
    lower class. All ranks are given the same, and share the work.

    Args:
        bank: (N, D) features and (N,) int64 classes.
        test: the same of M other images; None: each of the bank's images against all others.
        ks: how many neighbors; more than there are means all.
        temperature: above 0.

    Returns:
        Accuracy in [0, 1] by k.

    Raises:
        UsageError: an option is out of range, or the bank has fewer than two images.
    """
    if not ks or min(ks) < 1 or temperature <= 0 or len(bank[0]) < 2:
        raise UsageError(
            f"kNN with k {tuple(ks)}, temperature {temperature:g} and {len(bank[0])} images is out of range",
            remedy="k from 1, temperature above 0, two images or more",
        )
    features, classes = functional.normalize(bank[0].float(), dim=1), bank[1]
    queries, truth = (
        (features, classes) if test is None else (functional.normalize(test[0].float(), dim=1), test[1])
    )
    most = min(max(ks), len(features) - (test is None))
    right = torch.zeros(len(ks), dtype=torch.long)
    for own in _chunks(len(queries)):
        cosines = queries[own] @ features.T
        if test is None:  # an image is no neighbor of itself
            rows = torch.arange(len(cosines), device=cosines.device)
            cosines[rows, rows + own.start] = -torch.inf
        near, places = cosines.topk(most, dim=1)
        votes = functional.one_hot(classes[places], int(classes.max()) + 1)
        weights = ((near - near[:, :1]) / temperature).exp()  # a common factor does not change the vote
        for place, k in enumerate(ks):
            scores = (weights[:, :k, None] * votes[:, :k]).sum(dim=1)
            right[place] += int((scores.argmax(1) == truth[own]).sum())
    return {k: count / len(queries) for k, count in zip(ks, all_sum(right).tolist(), strict=True)}


def _chunks(count: int) -> list[slice]:
    """This rank's rows of `count`, a chunk at a time."""
    own = own_range(count)
    parts = [own[start : start + _CHUNK] for start in range(0, len(own), _CHUNK)]
    return [slice(part.start, part.stop) for part in parts]
