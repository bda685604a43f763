"""Rows to put into a loss, and a gradient to compare with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize


@pytest.fixture(scope="session")
def unit_rows() -> Callable[..., Tensor]:
    """Rows of length 1 in float64, of a shape and a seed."""
    return _unit_rows


@pytest.fixture(scope="session")
def slope() -> Callable[..., Tensor]:
    """The gradient of a scalar function at a point, by central differences."""
    return _slope


def _unit_rows(*shape: int, seed: int = 0) -> Tensor:
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return normalize(made, dim=-1)


def _slope(loss: Callable[[Tensor], Tensor], at: Tensor, step: float = 1e-6) -> Tensor:
    found = torch.zeros_like(at)
    for place in range(at.numel()):
        change = torch.zeros_like(at).flatten()
        change[place] = step
        change = change.view_as(at)
        found.view(-1)[place] = (loss(at + change) - loss(at - change)).item() / (2 * step)
    return found
