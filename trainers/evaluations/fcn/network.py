"""The fully convolutional network of the papers: a dilated backbone, two convolutions, a class a place."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import ResNet

from maskgen.trainers.distributed.ranks import SYNC_ALL, synchronize_batchnorm
from maskgen.trainers.networks.backbones import feature_maps

from ..dense_maps import with_stride

STRIDE, WIDTH = 16, 256
_PROBE_PX = 64


class Fcn(nn.Module):
    """FCN-16s as in MoCo: He et al. 2020, https://arxiv.org/abs/1911.05722, appendix.

    The backbone's 3 x 3 convolutions of the last stage have dilation 2 and stride 1, so that its maps have
    stride 16. Two 3 x 3 convolutions of 256 channels, each with BatchNorm and ReLU, and a 1 x 1 convolution
    follow; their logits are enlarged bilinearly to the input's size.

    Args:
        backbone: whose last maps are taken, (B, 3, H, W) to (B, D, h, w).
        channels: D.
        classes: C.
        dilation: of the two convolutions.
    """

    def __init__(self, backbone: nn.Module, channels: int, classes: int, dilation: int) -> None:
        super().__init__()
        self.backbone = backbone
        layers: list[nn.Module] = []
        for into in (channels, WIDTH):
            conv = nn.Conv2d(into, WIDTH, 3, padding=dilation, dilation=dilation, bias=False)
            layers += [conv, nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True)]
        self.head = nn.Sequential(*layers, nn.Conv2d(WIDTH, classes, 1))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, C, H, W)."""
        logits = self.head(feature_maps(self.backbone, images))
        return functional.interpolate(logits, size=images.shape[2:], mode="bilinear", align_corners=False)


def new_fcn(
    network: nn.Module,
    classes: int,
    *,
    dilation: int,
    seed: int,
    device: torch.device,
    stride: int = -1,
    per_pass: int = 1,
) -> Fcn:
    """A copy of a backbone with a new head.

    The papers do not say how the head begins. Here its 3 x 3 convolutions begin as torchvision's ResNets do
    (He et al. 2015, https://arxiv.org/abs/1502.01852, by the outputs), the last one as that of `eval-ssl
    linear`, with N(0, 0.01^2) and biases of 0, by the seed. With several ranks on CUDA, BatchNorm takes its
    statistics over all of them.

    Args:
        network: stays as it is.
        classes: C.
        dilation: of the head's 3 x 3 convolutions.
        seed: of its weights.
        device: of the network.
        stride: of the backbone's maps, px, by dilation; 0: its own; -1: 16 of a ResNet, else its own.
        per_pass: images that go through at once.

    Raises:
        UsageError: the network has no maps, or cannot have this stride.
    """
    wanted = own_stride(network, stride)
    backbone = with_stride(network, wanted, dilate=True) if wanted else copy.deepcopy(network)
    with torch.no_grad():
        probe = torch.zeros(1, 3, _PROBE_PX, _PROBE_PX, device=device)
        channels = feature_maps(backbone.eval(), probe).shape[1]
    model = Fcn(backbone.requires_grad_(True), channels, classes, dilation)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.head:
            if isinstance(module, nn.Conv2d):
                last = module.bias is not None
                deviation = 0.01 if last else (2 / (module.weight[:, 0].numel())) ** 0.5
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * deviation)
                if module.bias is not None:
                    module.bias.zero_()
    return _synchronized(model.to(device), per_pass)


def own_stride(network: nn.Module, stride: int) -> int:
    """The stride that is meant by `stride` of `new_fcn`, px, without -1."""
    return (STRIDE if isinstance(network, ResNet) else 0) if stride < 0 else stride


def _synchronized(model: Fcn, per_pass: int) -> Fcn:
    for name in ("backbone", "head"):
        setattr(model, name, synchronize_batchnorm(getattr(model, name), SYNC_ALL, per_pass))
    return model
