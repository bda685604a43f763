"""Second networks that follow the first, and queues of what they said."""

from __future__ import annotations

from copy import deepcopy
from math import cos, pi

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..distributed.ranks import all_gather, step_generator


def frozen_copy(*modules: nn.Module) -> nn.Sequential:
    """The modules one behind the other, copied, without gradients.

    BatchNorm keeps its own running statistics.
    """
    copy = deepcopy(nn.Sequential(*modules))
    return copy.requires_grad_(False)


@torch.no_grad()
def follow(target: nn.Sequential, online: tuple[nn.Module, ...], momentum: float) -> None:
    """Let target be momentum · target + (1 - momentum) · online.

    Parameters, not buffers (as MoCo and BYOL).
    """
    pairs = [
        (old, new)
        for copy, module in zip(target, online, strict=True)
        for old, new in zip(copy.parameters(), module.parameters(), strict=True)
    ]
    torch._foreach_lerp_([old for old, _ in pairs], [new.detach() for _, new in pairs], 1 - momentum)


def rising_momentum(base: float, final: float, step: int, steps: int) -> float:
    """BYOL's schedule, final - (final - base) · (cos(pi k / K) + 1) / 2 (Grill et al., 3.3: final = 1)."""
    return final - (final - base) * (cos(pi * min(step, steps) / max(steps, 1)) + 1) / 2


class Queue(nn.Module):
    """The last K embeddings of all ranks, the same on each, first in, first out.

    Args:
        size: K.
        dim: D.
        random: begin with random rows of length 1 (MoCo) that follow from torch's seed, not with zeros.
    """

    rows: Tensor
    """(K, D) float32."""
    pointer: Tensor
    """() int64: where the next row goes."""
    filled: Tensor
    """() int64: rows put in so far, at most K."""

    def __init__(self, size: int, dim: int, *, random: bool = True) -> None:
        super().__init__()
        # A generator of its own, alike on all ranks: the weights drawn behind it do not depend on K.
        own = step_generator(0, stream=dim, seed=torch.initial_seed())
        noise = torch.randn(size, dim, generator=own)
        rows = functional.normalize(noise, dim=1) if random else torch.zeros(size, dim)
        self.register_buffer("rows", rows)
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))
        self._waiting: list[Tensor] = []  # of the step at work; empty whenever a state is taken

    def remember(self, rows: Tensor) -> None:
        """Keep (B, D) rows of this rank until `flush`; the loss still sees the queue without them."""
        self._waiting.append(rows.detach().float())

    @torch.no_grad()
    def upcoming(self) -> Tensor:
        """(K, D) the rows that `flush` would leave, if it came now."""
        if not self._waiting:
            return self.rows
        return self.rows.index_copy(0, *self._incoming())

    def _incoming(self) -> tuple[Tensor, Tensor]:
        """(N,) places and (N, D) remembered rows of all ranks, N at most K."""
        rows = torch.cat([all_gather(part) for part in self._waiting])[-len(self.rows) :]
        places = (self.pointer + torch.arange(len(rows), device=rows.device)) % len(self.rows)
        return places, rows

    def forget(self) -> None:
        """Drop what a step left that was given up."""
        self._waiting.clear()

    @torch.no_grad()
    def flush(self) -> None:
        """Put the remembered rows of all ranks in; the oldest go.

        Those of one `remember` stand together, in rank order, so that the order is that of the joint batch.
        """
        if not self._waiting:
            return
        places, rows = self._incoming()
        self._waiting.clear()
        self.rows.index_copy_(0, places, rows)
        self.pointer.add_(len(rows)).remainder_(len(self.rows))
        self.filled.add_(len(rows)).clamp_(max=len(self.rows))
