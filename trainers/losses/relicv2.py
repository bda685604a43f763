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
    """N(x_i): for each of `total` samples, `count` others, drawn uniformly without repeats.

    All samples share the distances to their negatives, modulo `total`: each one's set is uniform, as a batch is in
    random order, and no total x total table is sorted (deviation from independent draws).

    Args:
        total: samples in the joint batch.
        count: negatives of each, at most total - 1; more gives all others.
        generator: on the CPU; the ranks must draw the same.
        device: of the result.

    Returns:
        (total, min(count, total - 1)) int64, row i without i.
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
    """-log p(x_i^t; x_i^t') and KL(sg[p(x_i^t; x_i^t')] || p(x_i^t'; x_i^t)) of one pair of views (eq. 1 and 2).

    With S_ij = o_i·t_j / tau, p is the softmax of row i of S over {i} and N(x_i), p' that of column i over the same:
    the paper leaves open how p' is had for views without a target. Equation 1 prints the positive within the
    sum over negatives, which can only mean x_j. Gradients of the divergence flow through p' alone.

    Args:
        online: (N, D) L2-normalized outputs of the online network for one view of all samples.
        target: (N, D) L2-normalized outputs of the target network for another, without a gradient.
        negatives: (N, n) int64, the negatives of each sample, see `negative_rows`.
        temperature: tau.
        offset: first of the rows whose loss is wanted: this rank's.
        rows: how many; None: all.

    Returns:
        The two scalars, means over the wanted rows.
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
