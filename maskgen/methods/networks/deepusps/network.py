"""The networks of DeepUSPS: photos to one map of saliency logits.

Nguyen et al., "DeepUSPS: deep robust unsupervised saliency prediction via self-supervision", NeurIPS 2019.
Its released code has a dilated residual network of stride 8, one 1x1 convolution and a bilinear enlargement;
`resnet101` and `resnet50x2` (RELICv2, appendix B.2.1) are built so. Deviation: one logit map and a sigmoid
instead of two and a softmax, which is the same function with one half of the last layer's numbers. `small` is
our own, for two CPU cores.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet as tv

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from ..u2net.layers import U2Net
from ..u2net.weights import read_state, require_finite, state_differences
from .layers import BorderContrast, ForegroundAttention, PooledContext, enlarge, lab_colors, make_convolution

SMALL_WIDTHS = (32, 64, 128, 192)
DECODER_CHANNELS = 48
CONTRAST_STAGE = 1  # of stride 8
ATTENDED_LEVEL = 2  # of stride 8
ATTENTIONS = 3


def _stage(inputs: int, outputs: int, stride: int, blocks: int = 2) -> nn.Sequential:
    """`blocks` basic residual blocks (He et al., CVPR 2016), the first of them with the stride."""
    shortcut: nn.Module | None = None
    if stride > 1 or inputs != outputs:
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    first = tv.BasicBlock(inputs, outputs, stride, shortcut)
    return nn.Sequential(first, *(tv.BasicBlock(outputs, outputs) for _ in range(blocks - 1)))


class Decoder(nn.Module):
    """From coarse to fine, finer features are added on the way up (Lin et al., CVPR 2017, feature pyramids).

    Half-way, at stride 8, a first map is drawn and every place compared with what it marks, a few times over.

    Args:
        inputs: channels of the features, finest first, of strides 2, 4, 8 and on; the coarsest get pooled
            context.
        channels: of the decoder.
    """

    def __init__(self, inputs: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.context = PooledContext(inputs[-1], channels)
        self.laterals = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in inputs[:-1])
        self.merges = nn.ModuleList(make_convolution(channels, channels) for _ in inputs[:-1])
        self.attentions = nn.ModuleList(ForegroundAttention(channels) for _ in range(ATTENTIONS))
        self.head = nn.Conv2d(channels, 1, 1)

    def forward(self, features: list[Tensor], photos: Tensor) -> Tensor:
        """Features, finest first, of (B, 3, H, W) photos to (B, 1, h, w) logits at the finest ones' size."""
        h: Tensor = self.context(features[-1])
        for level in range(len(features) - 2, -1, -1):
            fine = features[level]
            h = self.merges[level](enlarge(h, fine.shape[2:]) + self.laterals[level](fine))
            if level == ATTENDED_LEVEL:
                colors = lab_colors(functional.adaptive_avg_pool2d(photos, (fine.shape[2], fine.shape[3])))
                for attention in self.attentions:
                    h = attention(h, colors)
        out: Tensor = self.head(h)
        return out


class SmallEncoder(nn.Module):
    """ResNet-18's blocks with half the channels and a stem of two 3x3 convolutions; stride 32."""

    def __init__(self, widths: tuple[int, ...] = SMALL_WIDTHS) -> None:
        super().__init__()
        stem = widths[0] // 2
        self.widths = (stem, *widths)
        self.stem = nn.Sequential(make_convolution(3, stem, stride=2), make_convolution(stem, stem))
        self.stages = nn.ModuleList(
            _stage(into, out, 2) for into, out in zip(self.widths[:-1], widths, strict=True)
        )
        self.contrast = BorderContrast(widths[CONTRAST_STAGE])

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to features of strides 2, 4, 8, 16 and 32."""
        features = [self.stem(x)]
        for number, stage in enumerate(self.stages):
            h = stage(features[-1])
            features.append(self.contrast(h, x) if number == CONTRAST_STAGE else h)
        return features


class ResNetEncoder(tv.ResNet):  # type: ignore[misc]
    """A ResNet without its classifier, under torchvision's parameter names.

    Args:
        block: torchvision's basic or bottleneck block.
        layers: blocks per stage.
        width: factor of all channels (SwAV's and RELICv2's 2x).
        dilated: stride 8 instead of 32: the last two stages dilate (Yu et al., "Dilated residual networks",
            CVPR 2017).
    """

    def __init__(self, block: Any, layers: tuple[int, ...], width: int = 1, dilated: bool = False) -> None:
        self._width = width
        replaced = [False, dilated, dilated]
        super().__init__(block, list(layers), replace_stride_with_dilation=replaced)
        stem = 64 * width
        self.conv1 = nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.bn1 = nn.BatchNorm2d(stem)
        del self.fc, self.avgpool
        self.widths = (stem, *(planes * width * block.expansion for planes in (64, 128, 256, 512)))

    def _make_layer(self, block: Any, planes: int, *args: Any, **kwargs: Any) -> nn.Sequential:
        if planes == 64:  # the first stage: the stem's channels come in
            self.inplanes = 64 * self._width
        layer: nn.Sequential = super()._make_layer(block, planes * self._width, *args, **kwargs)
        return layer

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to the features of the stem and the four stages."""
        features = [self.relu(self.bn1(self.conv1(x)))]
        h = self.maxpool(features[0])
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            h = stage(h)
            features.append(h)
        return features


class Pyramid(nn.Module):
    """An encoder and the decoder above it."""

    def __init__(self, encoder: nn.Module, channels: int) -> None:
        super().__init__()
        widths: Any = encoder.widths
        self.encoder, self.decoder = encoder, Decoder(widths, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) normalized photos to (B, H, W) logits."""
        return enlarge(self.decoder(self.encoder(x), x), x.shape[2:])[:, 0]


class Dilated(nn.Module):
    """An encoder of stride 8, one 1x1 convolution, bilinear enlargement: the released code's network."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        widths: Any = encoder.widths
        self.encoder, self.head = encoder, nn.Conv2d(widths[-1], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) normalized photos to (B, H, W) logits."""
        return enlarge(self.head(self.encoder(x)[-1]), x.shape[2:])[:, 0]


class FusedMap(nn.Module):
    """U²-Net-p's fused map alone; its side outputs have no loss of their own here."""

    def __init__(self) -> None:
        super().__init__()
        self.network = U2Net("u2netp")

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) normalized photos to (B, H, W) logits."""
        return self.network.logits(x)[0][:, 0]


_BOTTLENECK, _BASIC = tv.Bottleneck, tv.BasicBlock
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "small": lambda: Pyramid(SmallEncoder(), DECODER_CHANNELS),
    "u2netp": FusedMap,
    "resnet18": lambda: Pyramid(ResNetEncoder(_BASIC, (2, 2, 2, 2)), 2 * DECODER_CHANNELS),
    "resnet50": lambda: Pyramid(ResNetEncoder(_BOTTLENECK, (3, 4, 6, 3)), 2 * DECODER_CHANNELS),
    "resnet50x2": lambda: Dilated(ResNetEncoder(_BOTTLENECK, (3, 4, 6, 3), width=2, dilated=True)),
    "resnet101": lambda: Dilated(ResNetEncoder(_BOTTLENECK, (3, 4, 23, 3), dilated=True)),
}


def build_network(name: str) -> nn.Module:
    """A network with random weights: (B, 3, H, W) normalized photos to (B, H, W) logits.

    Args:
        name: of `NETWORKS`.

    Raises:
        UsageError: there is none of that name.

    Example:
        >>> from maskgen.methods.networks.deepusps.network import build_network
        >>> import torch
        >>> network = build_network("small").eval()
        >>> with torch.inference_mode():
        ...     print(network(torch.zeros(1, 3, 64, 64)).shape)
        torch.Size([1, 64, 64])
    """
    if name not in NETWORKS:
        raise UsageError(f"unknown network {name!r}", remedy=nearest(name, list(NETWORKS)))
    return NETWORKS[name]()


def load_weights(path: Path, name: str) -> nn.Module:
    """The network `name` with the weights of a .safetensors file, in eval mode, float32, on the CPU.

    Weights that were stored in half precision are widened.

    Raises:
        UsageError: an unknown name; a file that holds no weights of this network, with what differs.
        EnvironmentFault: the file cannot be opened.
    """
    network, state = build_network(name), read_state(path)
    differences = state_differences(network.state_dict(), state)
    if differences:
        raise UsageError(
            f"the weights are not those of deepusps's network {name}",
            where=str(path),
            cause="; ".join(differences),
            remedy="export them again",
        )
    require_finite(state, path, "export them from an earlier phase, or train again with a lower lr")
    network.load_state_dict(state)
    return network.eval()


def load_start(network: nn.Module, weights: dict[str, Tensor], name: str) -> None:
    """Put weights to start from into a network: all of its own, or those of its encoder.

    Args:
        network: changed in place.
        weights: by the names of the network, or of its encoder (torchvision's).
        name: of the network, for the error.

    Raises:
        UsageError: they fit neither, with what differs.
    """
    if weights.keys() == network.state_dict().keys():
        target = network
    else:
        target = network.get_submodule("encoder") if hasattr(network, "encoder") else network
    differences = state_differences(target.state_dict(), weights)
    if differences:
        raise UsageError(
            f"the weights to start from are neither those of {name} nor of its encoder",
            cause="; ".join(differences),
            remedy="give an encoder of the same architecture, or another --network",
        )
    target.load_state_dict(weights)
