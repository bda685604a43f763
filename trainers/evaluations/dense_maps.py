"""Maps of any layer of a frozen network, finer than it was trained where that is asked."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.resnet import ResNet

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

_LATER = ("layer2", "layer3", "layer4")


class _Reached(Exception):
    def __init__(self, maps: Tensor) -> None:
        self.maps = maps


def find_layer(network: nn.Module, layer: str) -> nn.Module:
    """The module of a network that has a name.

    Raises:
        UsageError: there is none.
    """
    known: dict[str, nn.Module] = dict(network.named_modules())
    if layer not in known:
        remedy = nearest(layer, filter(None, known))
        raise UsageError(f"the network has no layer {layer!r}", remedy=remedy)
    return known[layer]


class DenseMaps:
    """(B, 3, H, W) images to the (B, C, h, w) maps of a layer, without gradients.

    Args:
        network: in evaluation mode; it is copied where its strides change.
        layer: its name among the modules.
        stride: of the maps, px, of a ResNet; 0: the network's own.
        dilate: whether convolutions behind a stride that was taken away are dilated instead.

    Raises:
        UsageError: there is no such layer, or the network has no strides that can be taken away.

    Example:
        >>> import torch
        >>> from maskgen.trainers.evaluations.dense_maps import DenseMaps
        >>> from maskgen.trainers.networks.backbones import build_backbone
        >>> network = build_backbone("resnet18")[0].eval()
        >>> DenseMaps(network, "layer4", stride=8)(torch.zeros(1, 3, 64, 96)).shape
        torch.Size([1, 512, 8, 12])
    """

    def __init__(self, network: nn.Module, layer: str, *, stride: int = 0, dilate: bool = False) -> None:
        self._network = with_stride(network, stride, dilate=dilate) if stride else network
        self._layer, self._name = find_layer(self._network, layer), layer

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The maps.

        Raises:
            UsageError: the layer's output is no (B, C, h, w) maps.
        """

        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            raise _Reached(output)

        handle = self._layer.register_forward_hook(hook)
        maps: Any = None
        try:
            self._network(images)
        except _Reached as reached:
            maps = reached.maps
        finally:
            handle.remove()
        if not isinstance(maps, Tensor) or maps.ndim != 4:
            raise UsageError(
                f"the layer {self._name} gives no (B, C, h, w) maps", remedy="name another --layer, as layer3"
            )
        return maps


def with_stride(network: nn.Module, stride: int, *, dilate: bool) -> nn.Module:
    """A copy of a ResNet whose last layers have stride 1, so that its maps have `stride`.

    Dilated, it is torchvision's ``replace_stride_with_dilation``: the first block of a layer keeps the
    dilation of the layer before, the others have twice that. Not dilated, it is what Jabri et al. 2020
    (https://arxiv.org/abs/2006.14613) evaluate with. The weights are the same.

    Args:
        network: with layer1 to layer4.
        stride: of its maps, px, a power of two.
        dilate: whether 3 x 3 convolutions reach as far as before.

    Raises:
        UsageError: it is another network, or cannot have this stride.
    """
    if not isinstance(network, ResNet):
        raise UsageError(
            f"the strides of a {type(network).__name__} cannot be changed",
            remedy="--stride 0, and a --layer of the wanted stride",
        )
    made: nn.Module = copy.deepcopy(network)
    reached, dilation = _stem_stride(made), 1
    if stride < reached or stride & (stride - 1):
        raise UsageError(
            f"a ResNet's maps cannot have stride {stride}", remedy=f"take a power of two from {reached} on"
        )
    for name in _LATER:
        if 2 * reached <= stride:
            reached *= 2
            continue
        before, dilation = dilation, dilation * 2
        blocks: Any = made.get_submodule(name)
        for number, block in enumerate(blocks):
            _unstride(block, before if number == 0 else dilation, dilate=dilate)
    return made


def _stem_stride(network: Any) -> int:
    pooled = 2 if isinstance(network.maxpool, nn.MaxPool2d) else 1
    return int(network.conv1.stride[0]) * pooled


def _unstride(block: nn.Module, dilation: int, *, dilate: bool) -> None:
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)
            if dilate and module.kernel_size == (3, 3):
                module.dilation = module.padding = (dilation, dilation)
