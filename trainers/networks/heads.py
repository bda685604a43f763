"""Projection and prediction heads: (B, D) features to (B, d) embeddings."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional


def mlp(
    sizes: tuple[int, ...],
    *,
    norm: bool = True,
    hidden_bias: bool = True,
    last_bias: bool = True,
    last_norm: bool = False,
) -> nn.Sequential:
    """Linear layers from size to size, with BatchNorm and ReLU between them.

    Args:
        sizes: input, hidden ..., output.
        norm: BatchNorm before each ReLU.
        hidden_bias: of all linear layers but the last.
        last_bias: of the last.
        last_norm: a BatchNorm without scale and shift behind the last layer.
    """
    layers: list[nn.Module] = []
    *hidden, last = pairwise(sizes)
    for into, out in hidden:
        layers.append(nn.Linear(into, out, bias=hidden_bias))
        layers += [nn.BatchNorm1d(out), nn.ReLU(inplace=True)] if norm else [nn.ReLU(inplace=True)]
    layers.append(nn.Linear(*last, bias=last_bias))
    if last_norm:
        layers.append(nn.BatchNorm1d(last[1], affine=False))
    return nn.Sequential(*layers)


def unit(rows: Tensor) -> Tensor:
    """(B, d) rows of length 1, in float32 whatever the network ran in."""
    return functional.normalize(rows.float(), dim=1)
