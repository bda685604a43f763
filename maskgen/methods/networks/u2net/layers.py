"""U²-Net and U²-Net-p: nested U-structures for salient object detection.

Qin, Zhang, Huang, Dehghan, Zaiane, Jagersand: U²-Net, Pattern Recognition 106, 2020, sections 3.1 and 3.2,
table 1 (the two configurations). Parameter names are those of the authors' checkpoints, which load strictly.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Stage(NamedTuple):
    """One residual U-block of the outer U (a row of the paper's table 1).

    Args:
        name: attribute of the network, the first part of its parameters' names.
        height: L of RSU-L, the number of encoder levels of the block.
        inputs: channels in.
        middle: channels inside.
        outputs: channels out.
        dilated: RSU-4F, where dilation replaces pooling.
    """

    name: str
    height: int
    inputs: int
    middle: int
    outputs: int
    dilated: bool = False


STAGES: dict[str, tuple[Stage, ...]] = {
    "u2net": (
        Stage("stage1", 7, 3, 32, 64),
        Stage("stage2", 6, 64, 32, 128),
        Stage("stage3", 5, 128, 64, 256),
        Stage("stage4", 4, 256, 128, 512),
        Stage("stage5", 4, 512, 256, 512, dilated=True),
        Stage("stage6", 4, 512, 256, 512, dilated=True),
        Stage("stage5d", 4, 1024, 256, 512, dilated=True),
        Stage("stage4d", 4, 1024, 128, 256),
        Stage("stage3d", 5, 512, 64, 128),
        Stage("stage2d", 6, 256, 32, 64),
        Stage("stage1d", 7, 128, 16, 64),
    ),
    "u2netp": (
        Stage("stage1", 7, 3, 16, 64),
        Stage("stage2", 6, 64, 16, 64),
        Stage("stage3", 5, 64, 16, 64),
        Stage("stage4", 4, 64, 16, 64),
        Stage("stage5", 4, 64, 16, 64, dilated=True),
        Stage("stage6", 4, 64, 16, 64, dilated=True),
        Stage("stage5d", 4, 128, 16, 64, dilated=True),
        Stage("stage4d", 4, 128, 16, 64),
        Stage("stage3d", 5, 128, 16, 64),
        Stage("stage2d", 6, 128, 16, 64),
        Stage("stage1d", 7, 128, 16, 64),
    ),
}

DEPTH = 6
"""Levels of the outer U: six encoder stages, five decoder stages, six side outputs."""


def _upsample(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def _halve(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2, stride=2, ceil_mode=True)


class ConvBlock(nn.Module):
    """3x3 convolution, batch normalization, ReLU: (B, inputs, H, W) -> (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1: nn.Module = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.bn_s1: nn.Module = nn.BatchNorm2d(outputs)
        self.dtype: torch.dtype | None = None  # set by `cast`; as the input's otherwise

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        if self.dtype is not None:
            x = x.to(self.dtype)
        return functional.relu(self.bn_s1(self.conv_s1(x)))


class ResidualU(nn.Module):
    """RSU-L (paper, figure 2e) or RSU-4F: (B, inputs, H, W) -> (B, outputs, H, W)."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.height, self.dilated = stage.height, stage.dilated
        self.dtype: torch.dtype | None = None  # of what leaves the block; set by `cast`
        top = stage.height
        self.rebnconvin = ConvBlock(stage.inputs, stage.outputs)
        for level in range(1, top + 1):
            dilation = 2 ** (level - 1) if stage.dilated else 1 + (level == top)
            inputs = stage.outputs if level == 1 else stage.middle
            self.add_module(f"rebnconv{level}", ConvBlock(inputs, stage.middle, dilation))
        for level in range(top - 1, 0, -1):
            dilation = 2 ** (level - 1) if stage.dilated else 1
            outputs = stage.outputs if level == 1 else stage.middle
            self.add_module(f"rebnconv{level}d", ConvBlock(2 * stage.middle, outputs, dilation))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        residual = h = self.rebnconvin(x)
        skips: list[Tensor] = []
        for level in range(1, self.height):
            h = self.get_submodule(f"rebnconv{level}")(h)
            skips.append(h)
            if not self.dilated and level < self.height - 1:
                h = _halve(h)
        h = self.get_submodule(f"rebnconv{self.height}")(h)
        for level in range(self.height - 1, 0, -1):
            skip = skips[level - 1]
            up = h if h.shape == skip.shape else _upsample(h, skip)
            h = self.get_submodule(f"rebnconv{level}d")(torch.cat((up, skip), 1))
        out: Tensor = h + residual
        return out if self.dtype is None else out.to(self.dtype)


class U2Net(nn.Module):
    """The whole network.

    In training mode a call returns the seven logit maps that the loss sums over (paper, equation 1): the
    fused one first, then side outputs 1 to 6, each (B, 1, H, W). In eval mode it returns the fused
    probability map alone, (B, 1, H, W) in [0, 1]. Deviation: logits in training, not probabilities, because
    binary cross entropy on logits is stable in half precision.

    Args:
        name: ``u2net`` (44.0 M parameters) or ``u2netp`` (1.13 M).

    Example:
        >>> from maskgen.methods.networks.u2net.layers import U2Net
        >>> import torch
        >>> network = U2Net("u2netp").eval()
        >>> with torch.inference_mode():
        ...     print(network(torch.zeros(1, 3, 64, 64)).shape)
        torch.Size([1, 1, 64, 64])
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        for stage in STAGES[name]:
            self.add_module(stage.name, ResidualU(stage))
        width = {stage.name: stage.outputs for stage in STAGES[name]}
        for level in range(1, DEPTH + 1):
            inputs = width["stage6" if level == DEPTH else f"stage{level}d"]
            self.add_module(f"side{level}", nn.Conv2d(inputs, 1, 3, padding=1))
        self.outconv = nn.Conv2d(DEPTH, 1, 1)

    def logits(self, x: Tensor) -> tuple[Tensor, ...]:
        """The seven logit maps of (B, 3, H, W) float input, fused one first, each (B, 1, H, W)."""
        encoded: list[Tensor] = []
        h = x
        for level in range(1, DEPTH + 1):
            h = self.get_submodule(f"stage{level}")(h if level == 1 else _halve(h))
            encoded.append(h)
        decoded = [h]
        for level in range(DEPTH - 1, 0, -1):
            skip = encoded[level - 1]
            h = self.get_submodule(f"stage{level}d")(torch.cat((_upsample(h, skip), skip), 1))
            decoded.insert(0, h)
        sides = [self.get_submodule(f"side{level}")(h) for level, h in enumerate(decoded, start=1)]
        maps = [sides[0], *(_upsample(side, sides[0]) for side in sides[1:])]
        return (self.outconv(torch.cat(maps, 1)), *maps)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """(B, 3, H, W) to seven (B, 1, H, W) logit maps when training, else to one probability map."""
        maps = self.logits(x)
        return maps if self.training else torch.sigmoid(maps[0])


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """The same network in eval mode, each batch norm folded into its convolution, in place (1.3 x faster).

    Example:
        >>> from maskgen.methods.networks.u2net.layers import fold_batch_norm
        >>> from maskgen.methods.networks.u2net.layers import U2Net
        >>> from torch import nn
        >>> network = fold_batch_norm(U2Net("u2netp"))
        >>> any(isinstance(one, nn.BatchNorm2d) for one in network.modules())
        False
    """
    network.eval()
    for block in network.modules():
        if isinstance(block, ConvBlock) and isinstance(block.bn_s1, nn.BatchNorm2d):
            assert isinstance(block.conv_s1, nn.Conv2d)  # noqa: S101 - for the type checker
            block.conv_s1 = fuse_conv_bn_eval(block.conv_s1, block.bn_s1)
            block.bn_s1 = nn.Identity()
    return network


LARGE_OFFSET = 32.0
"""Bias from which a convolution with folded batch norm stays in float32.

In the authors' U²-Net-p one channel of ``stage2d.rebnconv2d`` is 226.1 to 226.5 everywhere (its bias is 228),
and the next convolution takes that off again with a bias of 1361. bfloat16 knows only whole numbers there, so
it loses the channel's signal: this one pair makes nearly all of bfloat16's error (rms of the logits 2.80 of
2.84 on 24 ECSSD photos), at 3 % of the network's arithmetic. The next largest biases are 113, 53 and 11.
"""


def offset_blocks(network: nn.Module, least: float = LARGE_OFFSET) -> frozenset[str]:
    """Names of the blocks that make or take off a large constant; batch norms must be folded."""
    return frozenset(
        name
        for name, block in network.named_modules()
        if isinstance(block, ConvBlock)
        and isinstance(block.conv_s1, nn.Conv2d)
        and block.conv_s1.bias is not None
        and float(block.conv_s1.bias.detach().abs().max()) >= least
    )


def cast(network: nn.Module, dtype: torch.dtype, float32: frozenset[str] = frozenset()) -> nn.Module:
    """The network in another floating-point type, in place, with some blocks left in float32.

    Args:
        network: with folded batch norms.
        dtype: ``torch.bfloat16`` or ``torch.float16``.
        float32: names of the blocks that stay; they and what lies between two of them compute in float32.
    """
    for name, module in network.named_modules():
        if isinstance(module, ConvBlock):
            module.dtype = torch.float32 if name in float32 else dtype
            module.to(module.dtype)
        elif isinstance(module, ResidualU):
            module.dtype = dtype
    for child in network.children():
        if isinstance(child, nn.Conv2d):  # the side outputs and their fusion
            child.to(dtype)
    return network
