"""Encoders by name: (B, 3, S, S) images to (B, D) features.

Their classifier is gone, all other keys are torchvision's.

A checkpoint of `resnet50` loads strictly into torchvision's, once that one's `fc` is an identity too.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from torch import Tensor, nn
from torchvision.models import resnet as tv

from maskgen.config.suggest import nearest
from maskgen.errors import EnvironmentFault, UsageError

_DEPTHS: dict[str, tuple[type[nn.Module], tuple[int, ...]]] = {
    "resnet18": (tv.BasicBlock, (2, 2, 2, 2)),
    "resnet34": (tv.BasicBlock, (3, 4, 6, 3)),
    "resnet50": (tv.Bottleneck, (3, 4, 6, 3)),
    "resnet101": (tv.Bottleneck, (3, 4, 23, 3)),
    "resnet152": (tv.Bottleneck, (3, 8, 36, 3)),
    "resnet200": (tv.Bottleneck, (3, 24, 36, 3)),
}
_NAME = re.compile(r"(?P<depth>resnet\d+)(w(?P<width>\d+))?(?P<small>-small)?")


class _Widened(tv.ResNet):  # type: ignore[misc]
    """All channels times `width`, as the papers' 2x and 4x.

    Torchvision's wide_resnet widens the 3x3 layers only.
    """

    def __init__(self, block: Any, layers: tuple[int, ...], width: int, zero_init_residual: bool) -> None:
        self._width = width
        super().__init__(block, list(layers), zero_init_residual=zero_init_residual)
        if width > 1:
            stem = 64 * width
            self.conv1 = nn.Conv2d(3, stem, kernel_size=7, stride=2, padding=3, bias=False)
            nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
            self.bn1 = nn.BatchNorm2d(stem)
        self.fc = nn.Identity()

    def _make_layer(self, block: Any, planes: int, *args: Any, **kwargs: Any) -> nn.Sequential:
        if planes == 64:  # the first stage: the stem's channels come in
            self.inplanes = 64 * self._width
        layer: nn.Sequential = super()._make_layer(block, planes * self._width, *args, **kwargs)
        return layer


class Tiny(nn.Module):
    """A ResNet of three stages with one block of 16, 32 and 64 channels: for tests and trials at 32 to 64 px.

    Its stride is 8: a 56 px view has 7 x 7 places. 78 thousand parameters, D = 64.
    """

    def __init__(self, width: int = 16, zero_init_residual: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, kernel_size=3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = tv.BasicBlock(width, width)
        self.layer2 = _downsampling_block(width, 2 * width)
        self.layer3 = _downsampling_block(2 * width, 4 * width)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if zero_init_residual and isinstance(module, tv.BasicBlock):
                nn.init.zeros_(module.bn2.weight)  # pyright: ignore[reportArgumentType]

    def forward_features(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) to the last layer's (B, 64, S/8, S/8)."""
        maps = self.relu(self.bn1(self.conv1(images)))
        out: Tensor = self.layer3(self.layer2(self.layer1(maps)))
        return out

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, 64)."""
        return pool(self.forward_features(images))


def _downsampling_block(into: int, out: int) -> nn.Module:
    shortcut = nn.Sequential(nn.Conv2d(into, out, kernel_size=1, stride=2, bias=False), nn.BatchNorm2d(out))
    block: nn.Module = tv.BasicBlock(into, out, stride=2, downsample=shortcut)
    return block


def build_backbone(name: str, *, zero_init_residual: bool = False) -> tuple[nn.Module, int]:
    """An encoder with random weights, and D.

    Args:
        name: ``tiny``; ``resnet18`` .. ``resnet200``, with ``w2`` or ``w4`` for all channels times 2 or 4,
            with ``-small`` for a 3 x 3 stem of stride 1 without pooling (32 and 64 px images: MSR's code);
            ``timm/NAME`` for a model of timm, if that is installed.
        zero_init_residual: begin with residual branches that add nothing.

    Raises:
        UsageError: there is no such encoder.
        EnvironmentFault: timm is not installed.
    """
    if name == "tiny":
        return Tiny(zero_init_residual=zero_init_residual), 64
    if name.startswith("timm/"):
        return _build_timm(name.removeprefix("timm/"))
    parts = _NAME.fullmatch(name)
    if parts is None or parts["depth"] not in _DEPTHS or not 1 <= int(parts["width"] or 1) <= 8:
        raise UsageError(f"unknown backbone {name!r}", remedy=nearest(name, ["tiny", *_DEPTHS, "resnet50w2"]))
    block, layers = _DEPTHS[parts["depth"]]
    width = int(parts["width"] or 1)
    net = _Widened(block, layers, width, zero_init_residual)
    if parts["small"]:
        net.conv1 = nn.Conv2d(3, 64 * width, kernel_size=3, stride=1, padding=1, bias=False)
        nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
        net.maxpool = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
    return net, 512 * width * (4 if block is tv.Bottleneck else 1)


def _timm() -> Any:
    try:
        return import_module("timm.models")
    except ImportError as error:
        raise EnvironmentFault("this backbone needs timm", remedy='pip install "maskgen[timm]"') from error


def _build_timm(name: str) -> tuple[nn.Module, int]:
    timm = _timm()
    try:
        net: nn.Module = timm.create_model(name, pretrained=False, num_classes=0)
    except RuntimeError as error:
        raise UsageError(
            f"timm has no model {name!r}", cause=str(error), remedy="timm.list_models() names them"
        ) from error
    return net, int(getattr(net, "num_features", 0))


def classifier_name(backbone: str) -> str:
    """What the library that a backbone comes from calls the classifier on it: ``fc``, or as timm says.

    Example:
        >>> from maskgen.trainers.networks.backbones import classifier_name
        >>> classifier_name("resnet50"), classifier_name("timm/tf_efficientnet_lite0")
        ('fc', 'classifier')
    """
    if not backbone.startswith("timm/"):
        return "fc"
    return str(
        _timm().get_pretrained_cfg(backbone.removeprefix("timm/"), allow_unregistered=False).classifier
    )


def feature_maps(net: nn.Module, images: Tensor) -> Tensor:
    """The last convolutional layer's output, (B, 3, S, S) to (B, D, h, w); `pooled` makes features of it.

    Raises:
        UsageError: an encoder without such maps (a vision transformer).
    """
    if isinstance(net, tv.ResNet):
        maps = net.maxpool(net.relu(net.bn1(net.conv1(images))))
        out: Tensor = net.layer4(net.layer3(net.layer2(net.layer1(maps))))
        return out
    features = getattr(net, "forward_features", None)
    made = features(images) if callable(features) else None
    if not isinstance(made, Tensor) or made.ndim != 4:
        raise UsageError(
            f"{type(net).__name__} has no (B, C, h, w) maps, which Grad-CAM needs", remedy="take a ResNet"
        )
    return made


def pool(maps: Tensor) -> Tensor:
    """(B, D, h, w) to (B, D), the mean over places."""
    return maps.mean(dim=(2, 3))
