"""One rank of a two-rank run of methods under DDP on gloo; started by test_ranks.

    python ranks.py RANK WORLD RENDEZVOUS INPUT OUTPUT

INPUT holds, per case, the preset's name and changes, the seed of the weights, whether BatchNorm uses running
statistics, whether two ranks save memory, whether all is in double precision, and the joint batches; OUTPUT
gets, per case, what `train` returns.
World 1 runs without a process group.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from inspect import signature
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from maskgen.trainers.data.batch import Views
from maskgen.trainers.distributed import ranks
from maskgen.trainers.methods import METHODS, Progress
from maskgen.trainers.networks.recompute import Passes, recompute_blocks
from maskgen.trainers.presets import PRESETS, with_overrides


def share(value: Any, rank: int, world: int) -> Any:
    """This rank's rows of a joint batch, real numbers in the default precision."""
    if isinstance(value, tuple | list):
        return tuple(share(part, rank, world) for part in value)
    if not isinstance(value, Tensor):
        return value
    rows = value.chunk(world)[rank].clone()
    return rows.to(torch.get_default_dtype()) if rows.is_floating_point() else rows


def train(case: dict[str, Any], rank: int, world: int) -> dict[str, Any]:
    """Losses of each step, the weights and buffers after the last, without BatchNorm's running statistics."""
    preset = with_overrides(PRESETS[case["method"]]["smoke"], case["changes"])
    torch.set_default_dtype(torch.float64 if case["double"] else torch.float32)
    torch.manual_seed(case["seed"] + rank)  # DDP must make the ranks equal
    method = METHODS[case["method"]](preset, classes=5)
    with torch.no_grad():
        for parameter in method.backbone.parameters():
            parameter.mul_(1.05)  # so that a second network is another
    if case["still"]:
        method.apply(lambda m: m.eval() if isinstance(m, nn.modules.batchnorm._BatchNorm) else None)
    if case["saves"] and world > 1:
        method.passes = Passes(again=True, parts=3)
        recompute_blocks(method.backbone)
    names = signature(DistributedDataParallel).parameters
    unsent = "forward_sync_buffers" if "forward_sync_buffers" in names else "broadcast_buffers"
    run: nn.Module = method if world == 1 else DistributedDataParallel(method, **{unsent: False})
    optimizer = torch.optim.SGD(method.parameter_groups(preset), lr=0.05, momentum=0.9)
    losses = []
    for step, batch in enumerate(case["batches"]):
        progress = Progress(step, 10, 2.0 + step)
        method.before_step(progress)
        views = Views(**{name: share(value, rank, world) for name, value in batch.items()})
        out = run(views, progress)
        optimizer.zero_grad()
        out.loss.backward()
        optimizer.step()
        method.after_step(progress)
        losses.append(out.loss.detach())
    moving = ("running_mean", "running_var", "num_batches_tracked")
    state = {name: value for name, value in method.state_dict().items() if not name.endswith(moving)}
    return {"losses": torch.stack(losses), "state": state}


def primitives(rank: int) -> dict[str, Tensor]:
    """Gathering, its gradient, sums, the shuffle and its inverse."""
    rows = torch.arange(6.0).reshape(3, 2) + 10 * rank
    free = rows.clone().requires_grad_()
    everything = ranks.all_gather_with_grad(free)
    weights = torch.arange(12.0).reshape(6, 2) * (rank + 1)
    (everything * weights).sum().backward()
    dealt = ranks.shuffle(rows, step=3)
    return {
        "gathered": ranks.all_gather(rows),
        "own": ranks.own_rows(ranks.all_gather(rows)),
        "gradient": free.grad if free.grad is not None else torch.empty(0),
        "sum": ranks.all_sum(rows),
        "turned": ranks.all_sum(rows.T if rank else rows.T.contiguous()),
        "rows": rows,
        "dealt": dealt,
        "back": ranks.unshuffle(dealt, step=3),
        "place": torch.tensor([ranks.rank(), ranks.world()]),
    }


def main(argv: list[str]) -> None:
    rank, world, rendezvous, given, made = int(argv[0]), int(argv[1]), argv[2], argv[3], argv[4]
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group(
            "gloo",
            init_method=f"file://{rendezvous}",
            rank=rank,
            world_size=world,
            timeout=timedelta(seconds=120),
        )
    work: dict[str, Callable[[], Any]] = {"primitives": lambda: primitives(rank)} if world > 1 else {}
    for name, case in torch.load(given, weights_only=True).items():
        work[name] = lambda case=case: train(case, rank, world)
    torch.save({name: do() for name, do in work.items()}, made)
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1:])
