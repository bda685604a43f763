"""Methods that stand still, so that a loss can be worked out from their parts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from maskgen.trainers.methods import METHODS, Method
from maskgen.trainers.presets import PRESETS, with_overrides


@pytest.fixture(scope="session")
def still() -> Callable[..., Method]:
    """A method by name, its smoke preset changed, in eval mode: each image's embedding is its own.

    With ``apart`` the online backbone differs from that of a second network.
    """
    return _still


def _still(name: str, *, apart: bool = False, **changes: str) -> Method:
    torch.manual_seed(0)
    method = METHODS[name](with_overrides(PRESETS[name]["smoke"], changes), classes=5).eval()
    with torch.no_grad():
        for parameter in method.backbone.parameters() if apart else ():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return method
