"""kNN-MoCo: nearest neighbors in the queue as further positives."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .precision import in_float32


@torch.no_grad()
@in_float32
def nearest_in_queue(features: Tensor, queue: Tensor, k: int) -> Tensor:
    """The k rows of (K, C) `queue` with the greatest cosine to each of (P, C) `features`: (P, k) int64.

    Rows of the queue are L2-normalized; the features' lengths do not matter. k is cut to K.
    """
    return (features @ queue.T).topk(min(k, len(queue)), dim=1).indices


@in_float32
def knn_loss(logits: Tensor, neighbors: Tensor) -> Tensor:
    """-mean_p mean_{j in N(p)} log softmax_j( z_p·queue_j / t ) (Van Gansbeke et al. 2021, eq. 2, algorithm 2).

    Equation 2 lacks the logarithm that the pseudocode's cross-entropy has. The softmax runs over the queue alone;
    the positive key is not in it.

    Args:
        logits: (P, K), z·queue / t.
        neighbors: (P, k) int64 rows of the queue.
    """
    return -functional.log_softmax(logits, dim=1).gather(1, neighbors).mean()
