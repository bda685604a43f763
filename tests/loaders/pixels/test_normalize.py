"""ImageNet's normalization by hand."""

from __future__ import annotations

import pytest
import torch

from maskgen.loaders.pixels.normalize import normalize
from maskgen.loaders.recipes.parts import IMAGENET_MEAN


def test_the_masked_background_is_nearly_zero() -> None:
    mean = torch.tensor(IMAGENET_MEAN, dtype=torch.uint8)[None, :, None, None].expand(1, 3, 2, 2)
    assert normalize(mean, torch.float32).abs().max() < 0.01


@pytest.mark.parametrize(
    ("dtype", "apart"), [(torch.float32, 1e-5), (torch.float16, 2e-3), (torch.bfloat16, 1e-2)]
)
def test_black_and_white_by_hand(dtype: torch.dtype, apart: float) -> None:
    pictures = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 3, 1, 1)
    expected = torch.tensor(
        [[-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], [0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]]
    )
    found = normalize(pictures, dtype)
    assert found.dtype == dtype
    assert (found[..., 0, 0].float() - expected).abs().max() < apart


def test_pictures_that_are_normalized_only_change_their_type() -> None:
    pictures = torch.tensor([[[[0.5]]]])
    assert torch.equal(normalize(pictures, torch.bfloat16), pictures.bfloat16())
