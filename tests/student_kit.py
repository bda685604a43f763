"""A classifier to begin a student with, of random weights, under the names of the released ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

STAGES = ((1, 3, 16), (2, 3, 24), (2, 5, 40), (3, 3, 80), (3, 5, 112), (4, 5, 192), (1, 3, 320))
"""Blocks, kernel and width of lite0's stages: table 1 of the EfficientNet paper."""


def classifier(seed: int = 0) -> dict[str, Tensor]:
    """The tensors of an EfficientNet-lite0, written down from the paper's table, its head left out."""
    import torch

    draws = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def add(conv: str, norm: str, outputs: int, inputs: int, side: int) -> None:
        spread = (2 / (inputs * side**2)) ** 0.5
        state[f"{conv}.weight"] = spread * torch.randn(outputs, inputs, side, side, generator=draws)
        for name, low, high in (("weight", 0.8, 1.2), ("bias", -0.1, 0.1), ("running_var", 0.5, 1.5)):
            state[f"{norm}.{name}"] = low + (high - low) * torch.rand(outputs, generator=draws)
        state[f"{norm}.running_mean"] = 0.1 * torch.randn(outputs, generator=draws)

    add("_conv_stem", "_bn0", 32, 3, 3)
    inputs, number = 32, 0
    for blocks, side, width in STAGES:
        for _ in range(blocks):
            block, inner = f"_blocks.{number}", inputs * (6 if number else 1)
            if number:
                add(f"{block}._expand_conv", f"{block}._bn0", inner, inputs, 1)
            add(f"{block}._depthwise_conv", f"{block}._bn1", inner, 1, side)
            add(f"{block}._project_conv", f"{block}._bn2", width, inner, 1)
            inputs, number = width, number + 1
    return state


def save_classifier(path: Path) -> Path:
    """The same as a file."""
    import torch

    torch.save(classifier(), path)
    return path
