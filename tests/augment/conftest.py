"""Drawn photos, masks and backgrounds, as tensors."""

from __future__ import annotations

from typing import NamedTuple

import pytest

pytest.importorskip("torch", reason="pictures are torch tensors")
pytest.importorskip("torchvision", reason="crops are torchvision's")
import torch
from torch import Tensor


class Scene(NamedTuple):
    """Four photos whose pixels tell their rows: 10 r + 100 in the foreground, 10 r in the background."""

    images: Tensor
    masks: Tensor
    backgrounds: Tensor


@pytest.fixture
def scene() -> Scene:
    """(4, 3, 24, 32) uint8; the last photo has no foreground. Backgrounds are 10 r + 200."""
    row = torch.arange(4, dtype=torch.uint8)[:, None, None, None] * 10
    masks = torch.zeros(4, 1, 24, 32, dtype=torch.bool)
    for number in range(3):
        masks[number, :, 4 : 12 + number, 8:20] = True
    images = (row + 100 * masks.to(torch.uint8)).expand(4, 3, 24, 32).contiguous()
    return Scene(images, masks, (row + 200).expand(4, 3, 24, 32).contiguous())
