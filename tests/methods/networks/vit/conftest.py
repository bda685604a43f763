"""A small ViT of random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from vit_states import official_state, random_vit

from maskgen.methods.networks.vit.layers import ViT
from maskgen.methods.networks.vit.weights import read_shape


@pytest.fixture
def vit() -> ViT:
    """With timm's random weights."""
    state = official_state(random_vit())
    vit = ViT(read_shape(state, Path("vit.pth")))
    vit.load_state_dict(state)
    return vit.eval()
