"""Where a process computes, and how exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from maskgen.errors import EnvironmentFault
from maskgen.processes.lifetime import die_with

from ..presets import Preset
from ..presets.spec import options
from ..settings import Settings
from .ranks import SYNC_ALL, batchnorm_ranks


@contextmanager
def join_process_group(device: str) -> Iterator[torch.device]:
    """This process among those that torchrun started, if it did; gives the process's own device.

    Raises:
        EnvironmentFault: there is no GPU, or fewer than processes.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        die_with(os.getppid())  # a torchrun that is killed would leave its ranks waiting for each other
    local, ranks = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if device == "cuda":
        if torch.cuda.device_count() <= local:
            raise EnvironmentFault(
                f"process {local} of this machine has no GPU, torch sees {torch.cuda.device_count()}",
                remedy="--device cpu, or fewer processes",
            )
        torch.cuda.set_device(local)
    own = torch.device(device, local) if device == "cuda" else torch.device(device)
    if ranks == 1 or dist.is_initialized():
        yield own
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo")
    try:
        yield own
    finally:
        dist.destroy_process_group()


def batchnorm_difference(preset: Preset, device: str, ranks: int, parts: int = 1) -> str:
    """How BatchNorm differs here from what the preset asks for; empty where it does not.

    This is no error: the configuration of a run says nothing of device and ranks, so that it may go on
    elsewhere.

    Args:
        preset: of the run.
        device: ``cpu`` or ``cuda``.
        ranks: processes of the run.
        parts: that each of them computes its batch in, one after the other.
    """
    images, per_rank = preset.sync_batchnorm, max(1, preset.batch_size // (ranks * parts))
    together = batchnorm_ranks(images, per_rank, ranks)
    if together > 1 and device == "cpu":
        return (
            f"sync_batchnorm is {images}, but torch cannot synchronize BatchNorm on a CPU: "
            "each of the "
            f"{ranks} ranks has statistics of its own"
        )
    wanted = preset.batch_size if images == SYNC_ALL else images
    if images and (together * per_rank != wanted or ranks % together):
        return (
            f"sync_batchnorm is {images}, but BatchNorm's statistics are those of {together * per_rank} "
            f"images: {together} of {ranks} ranks with {per_rank} each"
        )
    groups = ranks * max(1, preset.bn_groups // ranks)
    if groups != preset.bn_groups and any(option.name == "bn_groups" for option in options(preset.method)):
        return f"bn_groups is {preset.bn_groups}, but {ranks} ranks make {groups} groups"
    return ""


def set_numerics(settings: Settings) -> None:
    """Set torch's arithmetic: what fp32 may be rounded to, and whether sums have a fixed order."""
    exact = settings.chosen_precision == "fp32"
    torch.set_float32_matmul_precision("highest" if exact else "high")
    torch.backends.cudnn.allow_tf32 = not exact
    torch.backends.cudnn.benchmark = settings.device == "cuda" and not settings.deterministic
    if settings.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(settings.deterministic)
