"""Linear classifiers on frozen features, several learning rates at once, by all ranks together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskgen.errors import MaskgenError

from ..distributed.ranks import all_sum, own_range, step_generator
from ..optim.optimizers import set_rate
from .head import Standardizer
from .protocols import Protocol
from .resume import Keeper

Pass = Callable[[int], Tensor]
Report = Callable[[int, dict[float, float]], None]
_STREAM = 7
"""Of the order of the images, apart from other draws of the same seed."""


def train_heads(
    passes: Pass,
    labels: Tensor,
    protocol: Protocol,
    *,
    lrs: Sequence[float],
    classes: int,
    seed: int = 0,
    report: Report | None = None,
    keeper: Keeper | None = None,
) -> tuple[dict[float, nn.Linear], Standardizer]:
    """One linear classifier per learning rate, all on the same batches.

    Weights begin at N(0, 0.01^2), biases at 0 (MoCo's code). The order of an epoch is a function of its
    number and the seed. Each rank keeps its own rows of the features; a step sums the gradients of a batch's
    rows wherever they lie, so that any number of ranks does what one does, up to rounding.

    Args:
        passes: gives this rank's (n, D) features of an epoch on the device to train on.
        labels: (n,) int64 on that device, this rank's.
        protocol: the protocol; its `lr` is replaced by `lrs`.
        lrs: learning rates, scaled as the protocol's.
        classes: C.
        seed: of weights and order.
        report: told each epoch's number and mean losses by learning rate, when it is saved.
        keeper: keeps the state after each epoch, to go on from; None: nothing is kept.

    Returns:
        The heads by learning rate, without those whose loss became infinite or no number; and how features
        must be prepared for them.

    Raises:
        MaskgenError: no learning rate had finite losses to the end.
    """
    count = int(all_sum(torch.tensor(len(labels))))
    state = keeper.load() if keeper is not None else None
    if state is None:
        features = passes(0)
        begun, width = 0, features.shape[1]
        standard = Standardizer.fit(features) if protocol.standardise else Standardizer()
    else:
        begun, width = state["epochs"], state["width"]
        standard = Standardizer(*(part.to(labels.device) for part in state["standard"]))
    size = min(protocol.batch_size, count)
    heads = {
        lr: _Head(new_layer(width, classes, seed, labels.device), protocol, lr, count // size) for lr in lrs
    }
    if state is not None:
        heads = {one["lr"]: heads[one["lr"]].restored(one) for one in state["heads"]}
    for epoch in range(begun, protocol.epochs):
        losses = _run_epoch(heads, passes(epoch), labels, standard, _batches(count, size, epoch, seed))
        heads = _sound(heads, losses, epoch)
        if keeper is not None:
            kept = [part for part in (standard.mean, standard.deviation) if part is not None]
            saved = [{"lr": lr, **head.state()} for lr, head in heads.items()]
            keeper.save(epoch + 1, {"epochs": epoch + 1, "width": width, "standard": kept, "heads": saved})
        if report is not None:
            report(epoch, losses)
    return {lr: head.layer for lr, head in heads.items()}, standard


def _sound(heads: dict[float, _Head], losses: dict[float, float], epoch: int) -> dict[float, _Head]:
    """The heads whose loss and weights are numbers; an error if there is none."""
    found = {lr: head for lr, head in heads.items() if isfinite(losses[lr]) and head.is_finite()}
    if not found:
        raise MaskgenError(
            f"the loss of the linear classifier became infinite or no number in epoch {epoch + 1}",
            cause="the learning rate is too high for these features",
            remedy="a lower --lr, or several: --lr 0.01,0.1,1",
        )
    return found


def _batches(count: int, size: int, epoch: int, seed: int) -> list[Tensor]:
    """This rank's rows of each batch of an epoch, by their places among its own."""
    order = torch.randperm(count, generator=step_generator(epoch, _STREAM, seed=seed))
    own = own_range(count)
    batches = torch.split(order[: count // size * size], size)
    return [rows[(rows >= own.start) & (rows < own.stop)] - own.start for rows in batches]


def _run_epoch(
    heads: dict[float, _Head], features: Tensor, labels: Tensor, standard: Standardizer, batches: list[Tensor]
) -> dict[float, float]:
    """A step of every head on each batch; the mean losses by learning rate."""
    losses = {lr: torch.zeros((), device=labels.device) for lr in heads}
    sizes = all_sum(torch.tensor([len(rows) for rows in batches])).tolist()
    for rows, size in zip(batches, sizes, strict=True):
        own = rows.to(labels.device)
        batch, truth = standard(features[own].float()), labels[own]
        for lr, head in heads.items():
            losses[lr] += head.step(batch, truth, size) / len(batches)
    return {lr: float(all_sum(loss)) for lr, loss in losses.items()}


class _Head:
    """A classifier with its optimizer, its learning rate and the steps it has made."""

    def __init__(self, layer: nn.Linear, protocol: Protocol, lr: float, per_epoch: int) -> None:
        self.layer, self._rate, self._steps = layer, protocol.rate(lr, per_epoch), 0
        decay, nesterov = protocol.weight_decay, protocol.nesterov
        self._optimizer = torch.optim.SGD(
            layer.parameters(), lr=lr, momentum=protocol.momentum, weight_decay=decay, nesterov=nesterov
        )

    def step(self, batch: Tensor, truth: Tensor, size: int) -> Tensor:
        """Learn from this rank's (b, D) features of (b,) classes in a batch of `size`; its part of it."""
        set_rate(self._optimizer, self._rate.at(self._steps), self._rate.peak)
        loss = functional.cross_entropy(self.layer(batch), truth, reduction="sum") / size
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        for parameter in self.layer.parameters():
            if parameter.grad is not None:
                parameter.grad = all_sum(parameter.grad)
        self._optimizer.step()
        self._steps += 1
        return loss.detach()

    def state(self) -> dict[str, Any]:
        """Tensors and plain values, from which `restored` goes on."""
        return {
            "layer": self.layer.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "steps": self._steps,
        }

    def restored(self, state: dict[str, Any]) -> _Head:
        """This head, as it was."""
        self.layer.load_state_dict(state["layer"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._steps = state["steps"]
        return self

    def is_finite(self) -> bool:
        """Whether all weights are numbers."""
        return bool(self.layer.weight.isfinite().all())


def new_layer(width: int, classes: int, seed: int, device: torch.device) -> nn.Linear:
    """A classifier (B, width) to (B, classes): weights N(0, 0.01^2) by the seed, biases 0."""
    generator = torch.Generator().manual_seed(seed)
    head = nn.Linear(width, classes)
    with torch.no_grad():
        head.weight.copy_(torch.randn(head.weight.shape, generator=generator) * 0.01)
        head.bias.zero_()
    return head.to(device)
