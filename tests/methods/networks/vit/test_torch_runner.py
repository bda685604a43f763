"""The heads: maps of keys that are known, and pixels normalized as torchvision does it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional
from torchvision.transforms import v2
from vit_states import PATCH, random_vit, timm_keys

from maskgen.errors import ImageFault
from maskgen.methods.network import NetworkInput
from maskgen.methods.networks.vit.cut import cut_tokens
from maskgen.methods.networks.vit.layers import ViT
from maskgen.methods.networks.vit.torch_runner import ConvolutionHead, CutHead, vit_infer

SIDE = 4 * PATCH
PIXELS = np.random.default_rng(3).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
PIXELS[:, 16:48, 16:48] //= 3
INPUT = NetworkInput(SIDE, divisor="255")


@pytest.fixture
def keys() -> torch.Tensor:
    """timm's keys of the pixels, (2, 128, 4, 4)."""
    prepare = v2.Compose(
        [v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    )
    photos = prepare(torch.from_numpy(PIXELS).permute(0, 3, 1, 2))
    return timm_keys(random_vit(), photos).transpose(1, 2).reshape(2, 128, 4, 4)


def test_founds_map_is_the_sigmoid_of_enlarged_logits(vit: ViT, keys: torch.Tensor) -> None:
    weight, bias = torch.linspace(-0.2, 0.2, 128).reshape(1, 128, 1, 1), torch.tensor([0.1])
    logits = torch.einsum("bchw,c->bhw", keys, weight.flatten()) + 0.1
    wanted = functional.interpolate(logits[:, None], scale_factor=PATCH, mode="bilinear")[:, 0].sigmoid()
    found = vit_infer(vit, ConvolutionHead(weight, bias), INPUT, device="cpu")(PIXELS)
    assert found.dtype == np.float32
    assert np.allclose(found, wanted, atol=1e-4)
    assert float(wanted.std()) > 0.02


def test_tokencuts_map_is_the_cut_of_the_keys(vit: ViT, keys: torch.Tensor) -> None:
    found = vit_infer(vit, CutHead(), INPUT, device="cpu")(PIXELS)
    for number, one in enumerate(keys.flatten(2).numpy()):
        cut = cut_tokens(one.T, 4, 4)
        assert 0 < cut.sum() < 16
        centers = found[number][PATCH // 2 :: PATCH, PATCH // 2 :: PATCH]
        assert np.array_equal(centers > 0.5, cut)
    assert found.min() == 0
    assert found.max() == 1


def test_a_map_that_is_not_finite_is_told(vit: ViT) -> None:
    with torch.no_grad():
        vit.cls_token.fill_(torch.nan)
    for head in (CutHead(), ConvolutionHead(torch.zeros(1, 128, 1, 1), torch.zeros(1))):
        infer = vit_infer(vit, head, INPUT, device="cpu")
        with pytest.raises(ImageFault, match="NaN"):
            infer(PIXELS[:1])
