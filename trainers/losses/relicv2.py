"""RELICv2: contrast with few negatives, and invariance of the likelihoods."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .precision import in_float32


def draw_members(
    total: int,
    count: int,
    generator: torch.Generator | None = None,
    *,
    rows: range | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """{i} and N(x_i) of https://arxiv.org/abs/2201.05119: what a sample is compared with.

    For each sample itself and `count` others, uniform, without repeats.

    Deviation from independent draws: all samples share the distances to their negatives, modulo `total`. Each
    one's set is uniform, as a batch is in random order, and no total x total table is sorted.

    Args:
        total: samples in the joint batch.
        count: negatives of each, at most total - 1; more gives all others.
        generator: on the CPU; the ranks must draw the same.
        rows: the samples that are asked for; None: all.
        device: of the result.

    Returns:
        (rows, 1 + min(count, total - 1)) int64, in the first column the sample itself and nowhere else.

    Example:
        >>> from maskgen.trainers.losses import draw_members
        >>> draw_members(2, 10).tolist()
        [[0, 1], [1, 0]]
    """
    distances = torch.randperm(max(total - 1, 0), generator=generator)[:count] + 1
    apart = torch.cat([distances.new_zeros(1), distances]).to(device)
    chosen = range(total) if rows is None else rows
    own = torch.arange(chosen.start, chosen.stop, device=device)
    return (own[:, None] + apart) % max(total, 1)


@in_float32
def log_likelihoods(anchors: Tensor, others: Tensor, members: Tensor, temperature: float) -> Tensor:
    """Log p(x_i^t; x_i^t') and the log-likelihoods of its negatives.

    Equation 1 of https://arxiv.org/abs/2201.05119: the softmax over {i} and N(x_i) of a_i·b_j / tau.

    It prints the positive within the sum over negatives, which can only mean x_j.

    All products are made and the wanted ones picked: that takes rows x N numbers, where to gather the
    embeddings of n negatives takes rows x n x D.

    Args:
        anchors: (N, D) L2-normalized, a: outputs of the online network for view t of all samples.
        others: (N, D) L2-normalized, b: outputs of the target network for view t'.
        members: (rows, 1 + n) int64, see `draw_members`.
        temperature: tau.

    Returns:
        (rows, 1 + n) float32; -log p of equation 3 is minus the first column.

    Raises:
        RuntimeError: the shapes differ, or a member is none of the batch (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import draw_members, log_likelihoods
        >>> o = torch.eye(2)
        >>> log_likelihoods(o, o, draw_members(2, 1), temperature=1.0)[:, 0]  # -ln(1 + 1 / e)
        tensor([-0.3133, -0.3133])
    """
    products = anchors[members[:, 0]] @ others.T
    return functional.log_softmax(products.gather(1, members) / temperature, dim=1)


@in_float32
def divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """sg[E_p log p] - E_p log q, the mean over rows.

    Equation 2 of https://arxiv.org/abs/2201.05119, with its stop-gradient: the entropy of p has no gradient,
    p itself has one where it weighs log q.

    Args:
        log_p: (rows, 1 + n), log p(x_i^t; x_i^t') as `log_likelihoods` gives it.
        log_q: (rows, 1 + n), over the same members: log p(x_i^t'; x_i^t).

    Returns:
        A float32 scalar from 0.

    Raises:
        RuntimeError: the shapes differ (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import divergence
        >>> p = torch.tensor([[0.5, 0.5]])
        >>> round(divergence(p.log(), torch.tensor([[0.25, 0.75]]).log()).item(), 4)
        0.1438
    """
    p = log_p.exp()
    return ((p * log_p).sum(dim=1).detach() - (p * log_q).sum(dim=1)).mean()
