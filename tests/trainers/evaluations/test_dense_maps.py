"""Maps of a layer, and ResNets whose strides are taken away as torchvision does."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import resnet50

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.dense_maps import DenseMaps, with_stride
from maskgen.trainers.networks.backbones import build_backbone, feature_maps

IMAGES = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def test_the_last_layer_at_its_own_stride_is_what_features_are_pooled_of() -> None:
    for name, layer in (("tiny", "layer3"), ("resnet18", "layer4")):
        network = build_backbone(name)[0].eval()
        with torch.no_grad():
            assert torch.equal(DenseMaps(network, layer)(IMAGES), feature_maps(network, IMAGES))
        assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.slow
@pytest.mark.parametrize(("stride", "replaced"), [(16, [False, False, True]), (8, [False, True, True])])
def test_dilated_it_is_torchvisions(stride: int, replaced: list[bool]) -> None:
    network = build_backbone("resnet50")[0].eval()
    theirs = resnet50(replace_stride_with_dilation=replaced).eval()
    theirs.fc = torch.nn.Identity()  # type: ignore[assignment]
    theirs.load_state_dict(network.state_dict())
    ours = DenseMaps(network, "layer4", stride=stride, dilate=True)(IMAGES)
    assert ours.shape[2:] == (64 // stride, 96 // stride)
    with torch.no_grad():
        assert torch.allclose(ours, feature_maps(theirs, IMAGES), atol=1e-5)


def test_only_strides_change_and_only_in_a_copy() -> None:
    network = build_backbone("resnet18")[0].eval()
    before = DenseMaps(network, "layer3")(IMAGES)
    fine = DenseMaps(network, "layer3", stride=8)(IMAGES)
    assert (before.shape, fine.shape) == ((1, 256, 4, 6), (1, 256, 8, 12))
    assert torch.equal(DenseMaps(network, "layer3")(IMAGES), before)
    assert with_stride(network, 32, dilate=False).state_dict().keys() == network.state_dict().keys()
    assert torch.equal(DenseMaps(network, "layer3", stride=32)(IMAGES), before)


def test_what_cannot_be_is_refused() -> None:
    resnet, tiny = (build_backbone(name)[0].eval() for name in ("resnet18", "tiny"))
    with pytest.raises(UsageError, match="strides of a Tiny cannot be changed"):
        DenseMaps(tiny, "layer3", stride=4)
    for stride in (2, 12):
        with pytest.raises(UsageError, match=f"cannot have stride {stride}"):
            DenseMaps(resnet, "layer4", stride=stride)
    with pytest.raises(UsageError, match="no layer 'layer5'") as caught:
        DenseMaps(resnet, "layer5")
    assert "layer4" in caught.value.remedy
    with pytest.raises(UsageError, match="no layer 'x'") as caught:
        DenseMaps(resnet, "x")
    assert caught.value.remedy.startswith("known: avgpool, bn1, ")
    with pytest.raises(UsageError, match="gives no"):
        DenseMaps(resnet, "fc")(IMAGES)
