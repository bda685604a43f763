"""The official state dicts of DINO and DINOv2, recognized by their keys and shapes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from maskgen.errors import UsageError

from ..recognize import other_method
from ..u2net.weights import read_state, require_finite, state_differences
from .layers import HEAD_WIDTH, ViT, ViTShape, grid_side

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

HEAD = "decoder."
"""What the keys of FOUND's head begin with, in the same file."""
_BLOCK = re.compile(r"blocks\.(\d+)\.")
_NEEDED = ("cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.mlp.fc1.weight")
_WANTED = (
    "the official backbone of DINO (dino_deitsmall16_pretrain.pth, ...) or DINOv2 "
    "(dinov2_vits14_pretrain.pth, ...), or the same as .safetensors"
)


def load_vit(path: Path) -> tuple[ViT, dict[str, Tensor]]:
    """The ViT of a file, in eval mode, float32, on the CPU; and FOUND's head, if the file holds it.

    Returns:
        The ViT, and the head's tensors by their names without `HEAD`: empty without a head.

    Raises:
        UsageError: no such file, or one that holds no ViT of the kinds known here, with what differs.
        EnvironmentFault: the file cannot be opened.
    """
    state = read_state(path)
    head = {key.removeprefix(HEAD): state.pop(key) for key in [*state] if key.startswith(HEAD)}
    vit = ViT(read_shape(state, path))
    if lines := state_differences(vit.state_dict(), state):
        raise UsageError(
            "the weights are no ViT of DINO or DINOv2",
            where=str(path),
            cause="; ".join(lines),
            remedy=f"give {_WANTED}",
        )
    for part in (state, head):
        require_finite(part, path, "download them again")
    vit.load_state_dict(state)
    return vit.eval(), head


def read_shape(state: dict[str, Tensor], path: Path) -> ViTShape:
    """What a state dict's keys and shapes say of its ViT.

    Args:
        state: without a head.
        path: of the file, for messages.

    Raises:
        UsageError: it is none of the kinds known here.
    """
    if any(key.startswith("rope_embed.") for key in state):
        cause = "its positions are rotations (rope_embed), as in DINOv3, which is not supported"
    elif any(".mlp.w12." in key for key in state):
        cause = "its MLPs are SwiGLU (mlp.w12), as in the giant DINOv2, which is not supported"
    elif absent := [key for key in _NEEDED if key not in state]:
        cause = f"it lacks {', '.join(absent)}"
    elif shape := _shape(state):
        return shape
    else:
        cause = "its tensors do not fit each other, or heads have not 64 channels"
    known, remedy = other_method(path, "tokencut", "found")
    raise UsageError(
        "the weights are no ViT of DINO or DINOv2",
        where=str(path),
        cause=known or cause,
        remedy=remedy or f"give {_WANTED}",
    )


def _shape(state: dict[str, Tensor]) -> ViTShape | None:
    token, positions, patches, hidden = (state[key] for key in _NEEDED)
    if (token.ndim, positions.ndim, patches.ndim, hidden.ndim) != (3, 3, 4, 2):
        return None
    width, grid = token.shape[2], grid_side(positions.shape[1] - 1)
    if not grid or width % HEAD_WIDTH:
        return None
    numbers = {int(found[1]) for key in state if (found := _BLOCK.match(key))}
    registers = state.get("register_tokens")
    return ViTShape(
        width=width,
        depth=max(numbers) + 1,
        patch=patches.shape[3],
        grid=grid,
        hidden=hidden.shape[0],
        registers=registers.shape[1] if registers is not None and registers.ndim == 3 else 0,
        scaled="blocks.0.ls1.gamma" in state,
        masked="mask_token" in state,
    )
