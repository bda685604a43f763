"""Activations that the backward pass computes again in place of keeping them: memory for time.

Gradients are those of a plain pass, as are BatchNorm's running statistics: the second computation leaves them
alone. What is random (dropout, drop path) is drawn once, and the second computation repeats it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint
from torchvision.models import resnet as tv

Forward = Callable[..., Tensor]


@dataclass(frozen=True)
class Passes:
    """How images go through an encoder in training: in how many parts, and what is kept of each.

    Parts that are computed again take turns in memory, and whatever comes behind the encoder still sees all
    images together. That is GradCache (https://arxiv.org/abs/2101.06983, section 3.2): its first pass without
    a graph, the gradient of the representations and its second pass are here one forward and one backward
    pass of autograd, so that a loss need not know of it, and DDP exchanges gradients once.

    Args:
        again: the backward pass computes a part again, of which the images alone are kept.
        parts: of a batch; BatchNorm's statistics are those of a part.

    Example:
        >>> import torch
        >>> from maskgen.trainers.networks.recompute import Passes
        >>> network = torch.nn.Linear(2, 1)
        >>> Passes(again=True).run(network, network, torch.zeros(5, 2)).shape
        torch.Size([5, 1])
        >>> Passes(parts=4).groups(1), Passes(parts=4).groups(8), Passes(parts=4).groups(3)
        (4, 8, 6)
    """

    again: bool = False
    parts: int = 1

    def groups(self, wanted: int) -> int:
        """BatchNorm groups of a batch: those `wanted`, each cut further until there are `parts` or more."""
        return wanted * ceil(self.parts / wanted)

    def run(self, network: nn.Module, forward: Forward, images: Tensor) -> Tensor:
        """One part, (B, 3, S, S) to (B, ...), by `forward`, which calls `network` or parts of it."""
        return _keep_inputs(network, forward, images) if self.again else forward(images)


def recompute_blocks(network: nn.Module) -> None:
    """Let each block of an encoder keep its input alone, and compute the rest again.

    Names of parameters stay as they are.

    Args:
        network: a ResNet, or a model of timm.
    """
    for block in blocks_of(network):
        block.forward = partial(_keep_inputs, block, block.forward)


def blocks_of(network: nn.Module) -> Iterator[nn.Module]:
    """The residual blocks of a ResNet; else what a network has in lists and chains, the outermost ones.

    Example:
        >>> from maskgen.trainers.networks.backbones import build_backbone
        >>> from maskgen.trainers.networks.recompute import blocks_of
        >>> len(list(blocks_of(build_backbone("resnet50")[0])))
        16
    """
    for child in network.children():
        if isinstance(child, tv.BasicBlock | tv.Bottleneck):
            yield child
        elif isinstance(child, nn.Sequential | nn.ModuleList):
            yield from _members_of(child)
        else:
            yield from blocks_of(child)


def _members_of(chain: nn.Module) -> Iterator[nn.Module]:
    """Of chains of chains too; single layers are not worth it."""
    for member in chain.children():
        if isinstance(member, nn.Sequential | nn.ModuleList):
            yield from _members_of(member)
        elif any(member.children()):
            yield member


def _keep_inputs(network: nn.Module, forward: Forward, images: Tensor, *more: Any, **named: Any) -> Tensor:
    """`forward`, of whose activations only the inputs are kept if there is a graph."""
    if not torch.is_grad_enabled():
        return forward(images, *more, **named)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), still_statistics(network)

    made: Tensor = checkpoint(forward, images, *more, use_reentrant=False, context_fn=contexts, **named)
    return made


@contextmanager
def still_statistics(network: nn.Module) -> Iterator[None]:
    """Within it BatchNorm layers of a network update copies of their running statistics.

    The copies are lost at its end. To restore the buffers' values instead would tell autograd that they were
    changed.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    kept = [dict(norm.named_buffers(recurse=False)) for norm in norms]
    for norm, buffers in zip(norms, kept, strict=True):
        for name, buffer in buffers.items():
            setattr(norm, name, buffer.clone())
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)
