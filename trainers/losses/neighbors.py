"""kNN-MoCo: nearest neighbors in the queue as further positives."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .precision import in_float32


@torch.no_grad()
@in_float32
def nearest_in_queue(features: Tensor, queue: Tensor, k: int) -> Tensor:
    """The k rows of a queue with the greatest cosine to each feature (Van Gansbeke et al. 2021, section 4.3).

    Args:
        features: (P, C), of any length.
        queue: (K, C) L2-normalized.
        k: how many, from 1; more than K are K.

    Returns:
        (P, min(k, K)) int64 rows of the queue, the nearest first.

    Raises:
        RuntimeError: the widths differ (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import nearest_in_queue
        >>> nearest_in_queue(torch.tensor([[2.0, 1.0]]), torch.eye(2), k=1).tolist()
        [[0]]
    """
    return (features @ queue.T).topk(min(k, len(queue)), dim=1).indices


@in_float32
def knn_loss(logits: Tensor, neighbors: Tensor) -> Tensor:
    """-mean_p mean_{j in N(p)} log softmax_j( z_p·queue_j / t ): https://arxiv.org/abs/2106.05967, eq.

    2, algorithm 2.

    Deviation: equation 2 lacks the logarithm that the pseudocode's cross-entropy has. The softmax runs over
    the queue alone; the positive key is not in it.

    Args:
        logits: (P, K), z·queue / t.
        neighbors: (P, k) int64 rows of the queue.

    Returns:
        A float32 scalar from 0.

    Raises:
        RuntimeError: a neighbor is no row of the queue (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import knn_loss
        >>> round(knn_loss(torch.zeros(1, 4), torch.tensor([[0, 2]])).item(), 4)  # ln 4
        1.3863
    """
    return -functional.log_softmax(logits, dim=1).gather(1, neighbors).mean()
