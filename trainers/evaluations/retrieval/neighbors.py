"""The class of the nearest neighbor."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_ROWS = 4096


@torch.no_grad()
def nearest_labels(queries: Tensor, bank: Tensor, labels: Tensor) -> Tensor:
    """The label of the most alike row of the bank, by cosine; of equal ones any.

    Args:
        queries: (n, D).
        bank: (m, D), m at least 1.
        labels: (m,) int64.

    Returns:
        (n,) int64.

    Example:
        >>> import torch
        >>> from maskgen.trainers.evaluations.retrieval.neighbors import nearest_labels
        >>> bank, labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([3, 7])
        >>> nearest_labels(torch.tensor([[9.0, 1.0], [0.1, 0.2]]), bank, labels).tolist()
        [3, 7]
    """
    known = functional.normalize(bank, dim=1)
    rows = [functional.normalize(part, dim=1) @ known.T for part in torch.split(queries, _ROWS)]
    return labels[torch.cat([part.argmax(1) for part in rows])] if rows else labels[:0]
