"""RELICv2: contrast with few negatives, and invariance of the likelihoods."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .precision import in_float32


def negative_rows(
    total: int,
    count: int,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """N(x_i) of https://arxiv.org/abs/2201.05119.

    For each of `total` samples, `count` others, uniform, without repeats.

    Deviation from independent draws: all samples share the distances to their negatives, modulo `total`. Each
    one's set is uniform, as a batch is in random order, and no total x total table is sorted.

    Args:
        total: samples in the joint batch.
        count: negatives of each, at most total - 1; more gives all others.
        generator: on the CPU; the ranks must draw the same.
        device: of the result.

    Returns:
        (total, min(count, total - 1)) int64, row i without i.

    Example:
        >>> from maskgen.trainers.losses import negative_rows
        >>> negative_rows(2, 10).tolist()
        [[1], [0]]
    """
    distances = torch.randperm(max(total - 1, 0), generator=generator)[:count] + 1
    own = torch.arange(total, device=device)
    return (own[:, None] + distances.to(device)) % max(total, 1)


@in_float32
def relic_loss(
    online: Tensor,
    target: Tensor,
    negatives: Tensor,
    temperature: float,
    offset: int = 0,
    rows: int | None = None,
) -> tuple[Tensor, Tensor]:
    """-log p(x_i^t; x_i^t') and KL(sg[p(x_i^t; x_i^t')] || p(x_i^t'; x_i^t)) of one pair of views.

    Equations 1 and 2 of https://arxiv.org/abs/2201.05119.

    With S_ij = o_i·t_j / tau, p is the softmax of row i of S over {i} and N(x_i), p' that of column i over
    the same: the paper leaves open how p' is had for views without a target. Equation 1 prints the positive
    within the sum over negatives, which can only mean x_j. Gradients of the divergence flow through p' alone.

    Args:
        online: (N, D) L2-normalized outputs of the online network for one view of all samples.
        target: (N, D) L2-normalized outputs of the target network for another, without a gradient.
        negatives: (N, n) int64, the negatives of each sample, see `negative_rows`.
        temperature: tau.
        offset: first of the rows whose loss is wanted: this rank's.
        rows: how many; None: all.

    Returns:
        The two float32 scalars from 0, means over the wanted rows.

    Raises:
        RuntimeError: the shapes differ (torch).
        IndexError: a negative or a wanted row is none of the batch (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import negative_rows, relic_loss
        >>> o = torch.eye(2)
        >>> contrast, divergence = relic_loss(o, o, negative_rows(2, 1), temperature=1.0)
        >>> round(contrast.item(), 4), divergence.item()  # ln(1 + 1 / e), 0
        (0.3133, 0.0)
    """
    own = torch.arange(offset, offset + (len(online) if rows is None else rows), device=online.device)
    others, target = negatives[own], target.detach()
    positive = (online[own] * target[own]).sum(1, keepdim=True)
    along_row = torch.einsum("bd,bnd->bn", online[own], target[others])
    along_column = torch.einsum("bnd,bd->bn", online[others], target[own])
    log_p = functional.log_softmax(torch.cat([positive, along_row], dim=1) / temperature, dim=1)
    log_q = functional.log_softmax(torch.cat([positive, along_column], dim=1) / temperature, dim=1)
    fixed = log_p.detach()
    return -log_p[:, 0].mean(), (fixed.exp() * (fixed - log_q)).sum(dim=1).mean()
