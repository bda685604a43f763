"""What ranks do together. Without an initialized process group every function is that of one rank.

All ranks are expected to hold batches of the same size, as the loaders give them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

SYNC_ALL = -1
"""`synchronize_batchnorm(images=SYNC_ALL)`: statistics over all ranks."""


def _is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """This process's rank, 0 without a process group."""
    return dist.get_rank() if _is_distributed() else 0


def world() -> int:
    """The number of ranks, 1 without a process group."""
    return dist.get_world_size() if _is_distributed() else 1


def own_range(count: int) -> range:
    """The rows of 0..count-1 that fall to this rank: consecutive, in rank order.

    Example:
        >>> from maskgen.trainers.distributed.ranks import own_range
        >>> own_range(5)
        range(0, 5)
    """
    return range(count * rank() // world(), count * (rank() + 1) // world())


def own_rows(rows: Tensor) -> Tensor:
    """This rank's (B, ...) part of (W·B, ...) rows that were gathered in rank order."""
    size = len(rows) // world()
    return rows[rank() * size : (rank() + 1) * size]


def all_gather(rows: Tensor) -> Tensor:
    """(B, ...) of each rank to (W·B, ...) in rank order, without a gradient."""
    if world() == 1:
        return rows.detach()
    rows = rows.detach().contiguous()
    parts = [torch.empty_like(rows) for _ in range(world())]
    dist.all_gather(parts, rows)
    return torch.cat(parts)


def all_gather_with_grad(rows: Tensor) -> Tensor:
    """(B, ...) of each rank to (W·B, ...) in rank order.

    Gradients of all ranks' losses flow back and are summed.

    DDP then divides by the number of ranks, which makes it the gradient of the mean of the ranks' losses.
    """
    return rows if world() == 1 else _Gather.apply(rows)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, rows: Tensor) -> Tensor:
        return all_gather(rows)

    @staticmethod
    def backward(_ctx: Any, *grads: Tensor) -> Tensor:
        (grad,) = grads
        total = grad.contiguous().clone()
        dist.all_reduce(total)
        return own_rows(total)


def all_sum(value: Tensor) -> Tensor:
    """The sum of a tensor of any shape over ranks, without a gradient; the argument stays as it is."""
    if world() == 1:
        return value.detach()
    total = value.detach().clone(memory_format=torch.contiguous_format)  # gloo adds up bytes as they lie
    dist.all_reduce(total)
    return total


def any_rank(flag: bool) -> bool:
    """Whether the flag is up on any rank: signals reach ranks in different steps."""
    return bool(all_sum(torch.tensor(int(flag))))


def step_generator(step: int, stream: int = 0, *, seed: int = 0) -> torch.Generator:
    """A CPU generator that is a function of the step and the run's seed alone.

    All ranks, and a resumed run, draw the same.
    """
    mixed = step * 0x9E3779B97F4A7C15 + stream * 0xBF58476D1CE4E5B9 + seed * 0x94D049BB133111EB + 1
    return torch.Generator().manual_seed(mixed % 2**63)


def _permutation(rows: int, step: int, seed: int) -> Tensor:
    return torch.randperm(rows, generator=step_generator(step, stream=1, seed=seed))


def shuffle(rows: Tensor, step: int, seed: int = 0) -> Tensor:
    """MoCo's batch shuffle: (B, ...) of each rank, dealt out anew over all ranks (He et al. 2020, 3.3).

    BatchNorm then sees a key among other images than its query, and cannot tell the positive by its
    statistics.
    """
    everything = all_gather(rows)
    order = own_rows(_permutation(len(everything), step, seed))
    return everything[order.to(rows.device)]


def unshuffle(rows: Tensor, step: int, seed: int = 0) -> Tensor:
    """The inverse of `shuffle` with the same step and seed, for (B, ...) of each rank."""
    everything = all_gather(rows)
    order = own_rows(_permutation(len(everything), step, seed).argsort())
    return everything[order.to(rows.device)]


def batchnorm_ranks(images: int, per_rank: int, ranks: int) -> int:
    """How many ranks share BatchNorm statistics so that they are those of `images` images, or near it.

    Args:
        images: of a batch that share them; `SYNC_ALL`: all; 0: those of a rank.
        per_rank: images that a rank has in one forward pass.
        ranks: of the run.

    Example:
        >>> from maskgen.trainers.distributed.ranks import batchnorm_ranks
        >>> batchnorm_ranks(512, per_rank=64, ranks=64), batchnorm_ranks(512, per_rank=256, ranks=16)
        (8, 2)
    """
    return ranks if images == SYNC_ALL else max(1, min(images // per_rank, ranks))


def synchronize_batchnorm(module: nn.Module, images: int, per_rank: int) -> nn.Module:
    """Let BatchNorm take its statistics over ranks, where that is possible: on CUDA, with more than one rank.

    torch's SyncBatchNorm refuses CPU tensors with gloo, so on a CPU each rank keeps its own statistics.

    Args:
        module: whose parameters lie on the device that they stay on.
        images: that share statistics; `SYNC_ALL`: all; 0: those of a rank.
        per_rank: images that a rank has in one forward pass.

    Returns:
        The module, its BatchNorm layers replaced.
    """
    size = batchnorm_ranks(images, per_rank, world())
    if size == 1 or not any(parameter.is_cuda for parameter in module.parameters()):
        return module
    starts = range(0, world(), size)
    groups = [dist.new_group(list(range(start, min(start + size, world())))) for start in starts]
    convert: Any = nn.SyncBatchNorm.convert_sync_batchnorm
    converted: nn.Module = convert(module, groups[rank() // size])
    return converted
