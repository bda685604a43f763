"""Linear classifiers on frozen features, several learning rates at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskgen.errors import MaskgenError

from ..optim.optimizers import set_rate
from .protocols import Protocol

Pass = Callable[[int], Tensor]
Report = Callable[[int, dict[float, float]], None]


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Makes features comparable to what a head was trained on.

    Args:
        mean: (D,) of the training features at length 1; None: features stay as they are.
        deviation: (D,) likewise.
    """

    mean: Tensor | None = None
    deviation: Tensor | None = None

    @classmethod
    def fit(cls, features: Tensor) -> Standardizer:
        """From (N, D) training features."""
        rows = functional.normalize(features.float(), dim=1)
        return cls(rows.mean(0), rows.std(0).clamp_min(1e-6))

    def __call__(self, features: Tensor) -> Tensor:
        """(B, D) to (B, D)."""
        if self.mean is None or self.deviation is None:
            return features
        return (functional.normalize(features, dim=1) - self.mean) / self.deviation


def train_heads(
    passes: Pass,
    labels: Tensor,
    protocol: Protocol,
    *,
    lrs: Sequence[float],
    classes: int,
    seed: int = 0,
    report: Report | None = None,
) -> tuple[dict[float, nn.Linear], Standardizer]:
    """One linear classifier per learning rate, all on the same batches.

    Weights begin at N(0, 0.01^2), biases at 0 (MoCo's code).

    Args:
        passes: gives the (N, D) features of an epoch on the device to train on.
        labels: (N,) int64 on that device.
        protocol: the protocol; its `lr` is replaced by `lrs`.
        lrs: learning rates, scaled as the protocol's.
        classes: C.
        seed: of weights and order.
        report: told each epoch's number and mean losses by learning rate.

    Returns:
        The heads by learning rate, without those whose loss became infinite or no number; and how features
        must be prepared for them.

    Raises:
        MaskgenError: no learning rate had finite losses to the end.
    """
    generator = torch.Generator().manual_seed(seed + 1)
    features = passes(0)
    standard = Standardizer.fit(features) if protocol.standardise else Standardizer()
    size = min(protocol.batch_size, len(labels))
    per_epoch = len(labels) // size
    heads = {lr: _Head(_new_layer(features, classes, seed), protocol, lr, per_epoch) for lr in lrs}
    for epoch in range(protocol.epochs):
        features = passes(epoch)
        order = torch.randperm(len(labels), generator=generator).to(labels.device)
        losses = dict.fromkeys(heads, 0.0)
        for number in range(per_epoch):
            rows = order[number * size : (number + 1) * size]
            batch, truth = standard(features[rows].float()), labels[rows]
            for lr, head in heads.items():
                losses[lr] += head.step(batch, truth, epoch * per_epoch + number) / per_epoch
        if report is not None:
            report(epoch, losses)
        heads = {lr: head for lr, head in heads.items() if isfinite(losses[lr]) and head.is_finite()}
        if not heads:
            raise MaskgenError(
                f"the loss of the linear classifier became infinite or no number in epoch {epoch + 1}",
                cause="the learning rate is too high for these features",
                remedy="a lower --lr, or several: --lr 0.01,0.1,1",
            )
    return {lr: head.layer for lr, head in heads.items()}, standard


class _Head:
    """A classifier with its optimizer and its learning rate."""

    def __init__(self, layer: nn.Linear, protocol: Protocol, lr: float, per_epoch: int) -> None:
        self.layer, self._rate = layer, protocol.rate(lr, per_epoch)
        decay, nesterov = protocol.weight_decay, protocol.nesterov
        self._optimizer = torch.optim.SGD(
            layer.parameters(), lr=lr, momentum=0.9, weight_decay=decay, nesterov=nesterov
        )

    def step(self, batch: Tensor, truth: Tensor, number: int) -> float:
        """Learn from (B, D) features of (B,) classes, and say the loss before."""
        set_rate(self._optimizer, self._rate.at(number), self._rate.peak)
        loss = functional.cross_entropy(self.layer(batch), truth)
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._optimizer.step()
        return float(loss.detach())

    def is_finite(self) -> bool:
        """Whether all weights are numbers."""
        return bool(self.layer.weight.isfinite().all())


def _new_layer(features: Tensor, classes: int, seed: int) -> nn.Linear:
    generator = torch.Generator().manual_seed(seed)
    head = nn.Linear(features.shape[1], classes)
    with torch.no_grad():
        head.weight.copy_(torch.randn(head.weight.shape, generator=generator) * 0.01)
        head.bias.zero_()
    return head.to(features.device)


@torch.no_grad()
def top_k(head: nn.Linear, standard: Standardizer, features: Tensor, labels: Tensor) -> tuple[float, float]:
    """Top-1 and top-5 accuracy in [0, 1] on (M, D) features; top-5 of fewer classes is of all."""
    right = torch.zeros(2, dtype=torch.float64)
    for rows, truth in zip(torch.split(features, 4096), torch.split(labels, 4096), strict=True):
        best = head(standard(rows.float())).topk(min(5, head.out_features), dim=1).indices
        hits = best == truth[:, None]
        right += torch.stack([hits[:, 0].sum(), hits.any(1).sum()]).cpu()
    first, fifth = (right / len(labels)).tolist()
    return first, fifth
