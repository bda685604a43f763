"""SwAV: Sinkhorn codes and the swapped prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .precision import in_float32


def _identity(value: Tensor) -> Tensor:
    return value


@torch.no_grad()
@in_float32
def sinkhorn(
    scores: Tensor, epsilon: float, iterations: int, total: Callable[[Tensor], Tensor] = _identity
) -> Tensor:
    """Soft codes that use all prototypes equally often: https://arxiv.org/abs/2006.09882, eq.

    3-5, listing in appendix A.

    Args:
        scores: (N, K) cosines of N samples and K prototypes; exp(-2 / epsilon) must not be 0 in float32.
        epsilon: of the entropy.
        iterations: of Sinkhorn-Knopp, from 1.
        total: sums a tensor over ranks; then the codes are those of the joint batch.

    Returns:
        (N, K) float32, rows sum to 1, columns to about N_total / K.

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import sinkhorn
        >>> sinkhorn(torch.zeros(4, 2), epsilon=0.05, iterations=3).tolist()[0]
        [0.5, 0.5]
    """
    codes = torch.exp((scores - 1) / epsilon)  # a common factor cancels; scores up to 1 cannot overflow
    samples = total(scores.new_tensor(float(len(scores))))
    for _ in range(iterations):
        codes = codes / (total(codes.sum(dim=0, keepdim=True)) * scores.shape[1])
        codes = codes / (codes.sum(dim=1, keepdim=True) * samples)
    return codes * samples


@in_float32
def swav_loss(scores: Sequence[Tensor], codes: Sequence[Tensor], temperature: float) -> Tensor:
    """The swapped prediction over crops: https://arxiv.org/abs/2006.09882, eq. 2 and 6.

    mean over crops a with codes, mean over the other crops v, of -mean_i sum_k q_a log softmax(scores_v / t).

    Args:
        scores: V tensors (B, K), the crops' cosines with the prototypes.
        codes: A <= V tensors (B, K), the codes of the first A crops.
        temperature: t, above 0.

    Returns:
        A float32 scalar from 0.

    Raises:
        RuntimeError: the shapes differ, or there is one crop alone (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import swav_loss
        >>> scores, codes = [torch.zeros(2, 4)] * 2, [torch.eye(4)[:2]] * 2
        >>> round(swav_loss(scores, codes, temperature=0.1).item(), 4)  # ln 4
        1.3863
    """
    predictions = [functional.log_softmax(score / temperature, dim=1) for score in scores]
    losses = [
        -(code.detach() * prediction).sum(dim=1).mean()
        for assigned, code in enumerate(codes)
        for crop, prediction in enumerate(predictions)
        if crop != assigned
    ]
    return torch.stack(losses).mean()
