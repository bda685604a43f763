"""ImageNet's normalization of pictures. Importing this module imports torch."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""ImageNet's mean and standard deviation of RGB in [0, 1].

SwAV's code writes (.228, .224, .225) for the deviation; one pair serves all methods here, so that one
checkpoint's features take the same input as another's.
"""


@lru_cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation of values 0..255 on a device, sent there once."""
    mean, deviation = (torch.tensor(part)[:, None, None] * 255 for part in (MEAN, DEVIATION))
    return mean.to(device), deviation.to(device)


def normalize(pictures: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """(B, 3, S, S) uint8 as (value - mean) / deviation, computed in float32.

    Float pictures are taken to be normalized, and only change their type.
    """
    if pictures.is_floating_point():
        return pictures.to(dtype)
    mean, deviation = _constants(pictures.device)
    return pictures.float().sub_(mean).div_(deviation).to(dtype)
