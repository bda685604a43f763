"""How a run keeps less in memory, and what that changes."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..distributed.ranks import world
from ..methods import Method
from ..networks.recompute import Passes, recompute_blocks
from ..presets.spec import options
from ..settings import Settings


def save_memory(method: Method, settings: Settings) -> None:
    """Let a method's backbone keep for the backward pass what the settings say.

    Args:
        method: as it was made, its BatchNorm layers those that it is trained with.
        settings: of the run.
    """
    views = settings.joint_loss or settings.recompute in ("views", "both")
    method.passes = Passes(again=views, parts=settings.accumulate if settings.joint_loss else 1)
    if settings.recompute in ("blocks", "both"):
        recompute_blocks(method.backbone)


def joint_loss_difference(method: Method, settings: Settings) -> str:
    """How a step by `joint_loss` differs from one in a single part; empty where it does not.

    Only through BatchNorm in the backbone, whose statistics are those of a part, as with as many GPUs that
    do not synchronize them. A method with BatchNorm groups already has parts, and keeps them.
    """
    if not settings.joint_loss or not _normalizes(method.backbone):
        return ""
    preset = method.preset
    known = any(option.name == "bn_groups" for option in options(preset.method))
    groups = max(1, preset.bn_groups // world()) if known else 1
    if method.passes.groups(groups) == groups:
        return ""
    return (
        "with joint_loss, BatchNorm's statistics in the backbone are those of a part of the batch, of "
        f"{method.passes.groups(groups)}; --recompute both saves memory too, and leaves them as they are"
    )


def _normalizes(network: nn.Module) -> bool:
    return any(isinstance(module, _BatchNorm) for module in network.modules())
