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
    """The logits of MoCo: the positive first, then the queue, then BG_Swaps' negatives of each query.

    Args:
        query: (B, D) L2-normalized.
        key: (B, D) L2-normalized, the positive of each query; no gradient reaches it here or below.
        queue: (K, D) L2-normalized negatives that all queries share.
        temperature: tau.
        extra: (B, D) L2-normalized; row i is a negative of query i alone (Ryali et al., 3.3: |Q| + 1
            negatives); (B, n, D) for n of them (A.3.2: 5).

    Returns:
        (B, 1 + K) float32, or (B, 1 + K + n) with `extra`.

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
        parts.append(own_products(query, extra.detach()))
    return torch.cat(parts, dim=1) / temperature


def own_products(query: Tensor, extra: Tensor) -> Tensor:
    """(B, n) products of each of (B, D) rows with its own of (B, n, D), or (B, D) where n is 1.

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses.contrastive import own_products
        >>> own_products(torch.eye(2), torch.tensor([[[1.0, 2], [3, 4]], [[5, 6], [7, 8]]])).tolist()
        [[1.0, 3.0], [6.0, 8.0]]
    """
    if extra.ndim == 2:
        return (query * extra).sum(1, keepdim=True)
    return (query[:, None] * extra).sum(2)


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
    """InfoNCE (https://arxiv.org/abs/1911.05722, eq. 1), with matched negatives per query if they are given.

    Those are BG_Swaps' (https://arxiv.org/abs/2103.12719v1, section 3.3; several of them, A.3.2).

    -mean_i log( e^{q_i·k_i/t} / (e^{q_i·k_i/t} + sum_j e^{q_i·queue_j/t} [+ sum_m e^{q_i·n_im/t}]) )

    Args:
        query: (B, D) L2-normalized.
        key: (B, D) L2-normalized, the positive of each query; no gradient reaches it.
        queue: (K, D) L2-normalized negatives that all queries share; no gradient reaches it.
        temperature: t, above 0.
        matched_negative: (B, D) or (B, n, D) L2-normalized; row i holds negatives of query i alone.

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
def nt_xent_one_way(
    anchors: Tensor,
    positives: Tensor,
    temperature: float,
    everything: tuple[Tensor, Tensor] | None = None,
    offset: int = 0,
    extra: Tensor | None = None,
) -> Tensor:
    """NT-Xent (https://arxiv.org/abs/2002.05709, eq. 1) of one view's anchors: the mean over this rank's B.

    l(a, p) = -log( e^{a·p/t} / ( sum_{c != a} e^{a·c/t} [+ e^{a·n/t}] ) ), c over both views of all ranks.

    Args:
        anchors: (B, D) L2-normalized embeddings of one view.
        positives: (B, D) of another, in the same order.
        temperature: t.
        everything: (N, D) each, both of all ranks, with the gradient; None: there is one rank.
        offset: where this rank's rows begin in `everything`.
        extra: (B, D) or (B, n, D) L2-normalized; row i holds negatives of anchor i alone, with their
            gradient. That is what https://arxiv.org/abs/2103.12719v1, section 3.3, gives to MoCo v2 (ours:
            on SimCLR).

    Returns:
        A float32 scalar from 0; the ranks' mean is the loss of the joint batch.

    Raises:
        RuntimeError: the shapes do not fit each other (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import nt_xent_one_way
        >>> z = torch.eye(2)
        >>> round(nt_xent_one_way(z, z, temperature=0.5, extra=-z).item(), 4)  # ln(1 + 2 / e^2 + 1 / e^4)
        0.2539
    """
    all_anchors, all_positives = everything or (anchors, positives)
    own = torch.arange(len(anchors), device=anchors.device) + offset
    logits = anchors @ torch.cat([all_anchors, all_positives]).T / temperature
    logits = logits.scatter(1, own[:, None], -torch.inf)
    if extra is not None:
        logits = torch.cat([logits, own_products(anchors, extra) / temperature], dim=1)
    return functional.cross_entropy(logits, own + len(all_anchors))
