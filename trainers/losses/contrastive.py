"""Contrastive losses: InfoNCE against a queue, NT-Xent within a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .precision import in_float32


@in_float32
def info_nce_logits(
    query: Tensor, key: Tensor, queue: Tensor, temperature: float, extra: Tensor | None = None
) -> Tensor:
    """The logits of MoCo: the positive first, then the queue, then BG_Swaps' one negative of each query.

    Args:
        query: (B, D) L2-normalized.
        key: (B, D) L2-normalized, the positive of each query; no gradient reaches it here or below.
        queue: (K, D) L2-normalized negatives that all queries share.
        temperature: tau.
        extra: (B, D) L2-normalized; row i is a negative of query i alone (Ryali et al., 3.3: |Q| + 1
            negatives).

    Returns:
        (B, 1 + K) float32, or (B, 1 + K + 1) with `extra`.

    Raises:
        RuntimeError: the shapes do not fit each other (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import info_nce_logits
        >>> q = torch.eye(2)
        >>> info_nce_logits(q, q, -q, temperature=0.5).tolist()
        [[2.0, -2.0, 0.0], [2.0, 0.0, -2.0]]
    """
    parts = [(query * key.detach()).sum(1, keepdim=True), query @ queue.detach().T]
    if extra is not None:
        parts.append((query * extra.detach()).sum(1, keepdim=True))
    return torch.cat(parts, dim=1) / temperature


@in_float32
def cross_entropy_at_zero(logits: Tensor) -> Tensor:
    """-mean log softmax(logits)[:, 0]: column 0 holds the positives.

    Args:
        logits: (N, C).

    Returns:
        A float32 scalar from 0.

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import cross_entropy_at_zero
        >>> round(cross_entropy_at_zero(torch.zeros(3, 4)).item(), 4)  # ln 4
        1.3863
    """
    return functional.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))


def info_nce(
    query: Tensor, key: Tensor, queue: Tensor, temperature: float, matched_negative: Tensor | None = None
) -> Tensor:
    """InfoNCE (https://arxiv.org/abs/1911.05722, eq. 1), with a matched negative per query if one is given.

    That negative is BG_Swaps' (https://arxiv.org/abs/2103.12719v1, section 3.3).

    -mean_i log( e^{q_i·k_i/t} / (e^{q_i·k_i/t} + sum_j e^{q_i·queue_j/t} [+ e^{q_i·n_i/t}]) )

    Args:
        query: (B, D) L2-normalized.
        key: (B, D) L2-normalized, the positive of each query; no gradient reaches it.
        queue: (K, D) L2-normalized negatives that all queries share; no gradient reaches it.
        temperature: t, above 0.
        matched_negative: (B, D) L2-normalized; row i is a negative of query i alone.

    Returns:
        A float32 scalar from 0.

    Raises:
        RuntimeError: the shapes do not fit each other (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import info_nce
        >>> q = torch.eye(2)
        >>> round(info_nce(q, q, -q, temperature=1.0).item(), 4)
        0.4076
    """
    return cross_entropy_at_zero(info_nce_logits(query, key, queue, temperature, matched_negative))


@in_float32
def nt_xent(
    first: Tensor,
    second: Tensor,
    temperature: float,
    everything: tuple[Tensor, Tensor] | None = None,
    offset: int = 0,
) -> Tensor:
    """NT-Xent (https://arxiv.org/abs/2002.05709, eq. 1), the mean over the 2B anchors that are this rank's.

    l(a, p) = -log( e^{a·p/t} / sum_{c != a} e^{a·c/t} ), c over all 2N embeddings of all ranks.

    Args:
        first: (B, D) L2-normalized embeddings of the first views.
        second: (B, D) of the second views, in the same order.
        temperature: t.
        everything: (N, D) each, both of all ranks, with the gradient; None: there is one rank.
        offset: where this rank's rows begin in `everything`.

    Returns:
        A float32 scalar from 0; the ranks' mean is the loss of the joint batch.

    Raises:
        RuntimeError: the shapes do not fit each other (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import nt_xent
        >>> z = torch.eye(2)
        >>> round(nt_xent(z, z, temperature=0.5).item(), 4)  # ln(1 + 2 / e^2)
        0.2395
    """
    all_first, all_second = everything or (first, second)
    anchors, candidates = torch.cat([first, second]), torch.cat([all_first, all_second])
    size, total = len(first), len(all_first)
    own = torch.arange(size, device=first.device) + offset
    itself, positive = torch.cat([own, own + total]), torch.cat([own + total, own])
    logits = (anchors @ candidates.T / temperature).scatter(1, itself[:, None], -torch.inf)
    return functional.cross_entropy(logits, positive)
