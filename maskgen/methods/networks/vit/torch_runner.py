"""The heads over a ViT run by torch: prepared photos in, maps out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn

from ..u2net.torch_runner import TorchNetwork, prepare_device
from .cut import cut_tokens

if TYPE_CHECKING:
    from maskgen.methods.network import Infer, NetworkInput

    from .layers import ViT


def vit_infer(
    vit: ViT,
    head: nn.Module,
    input: NetworkInput,  # noqa: A002 - the contract's name
    *,
    device: str,
    compile: bool = False,  # noqa: A002 - the option's name
) -> Infer:
    """Put a ViT and its head on their device, in float32.

    Args:
        vit: with its weights, on the CPU.
        head: `CutHead` or `ConvolutionHead`.
        input: how photos were prepared.
        device: ``cpu``, ``cuda`` or one GPU as ``cuda:1``.
        compile: whether torch.compile is used for the ViT.

    Raises:
        EnvironmentFault: a GPU that is not there.
    """
    target = prepare_device(device, "fp32")
    maps = HeadMaps(vit, head, input).eval().to(target)
    if compile:
        vit.compile(dynamic=False)
    return TorchNetwork(maps, target, tf32=False)


class HeadMaps(nn.Module):
    """Prepared pixels to maps.

    Args:
        vit: gives the keys.
        head: (B, C, h, w) keys to (B, S, S) maps.
        input: how photos were prepared; ImageNet's mean and std are taken off here.
    """

    def __init__(self, vit: ViT, head: nn.Module, input: NetworkInput) -> None:  # noqa: A002
        super().__init__()
        self.vit, self.head = vit, head
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", 255 * torch.tensor(input.mean).view(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(input.std).view(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, S, S, 3) uint8 or float32 in [0, 255] -> (B, S, S) float32 in [0, 1].

        A map that is not finite is NaN.
        """
        photos = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        side = pixels.shape[1] // self.vit.shape.patch
        keys = self.vit.keys(photos).transpose(1, 2).reshape(len(photos), -1, side, side)
        maps: Tensor = self.head(keys, pixels.shape[1])
        broken = ~torch.isfinite(keys.sum((1, 2, 3)))[:, None, None]
        return torch.where(broken, torch.nan, maps)


class CutHead(nn.Module):
    """TokenCut's mask of the patches, enlarged bilinearly; the cut is computed on the CPU."""

    def forward(self, keys: Tensor, side: int) -> Tensor:
        """(B, C, h, w) keys -> (B, side, side) in [0, 1]; empty for keys that are not finite."""
        found = torch.zeros(len(keys), 1, *keys.shape[2:])
        for number, one in enumerate(keys.flatten(2).cpu().numpy()):
            if np.isfinite(one).all():
                found[number, 0] = torch.from_numpy(cut_tokens(one.T, *keys.shape[2:]))
        return _enlarge(found.to(keys.device), side)


class ConvolutionHead(nn.Module):
    """FOUND: one 1x1 convolution and a sigmoid.

    Args:
        weight: (1, C, 1, 1).
        bias: (1,).
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight.float()), nn.Parameter(bias.float())

    def forward(self, keys: Tensor, side: int) -> Tensor:
        """(B, C, h, w) keys -> (B, side, side) in [0, 1]: logits are enlarged, as the authors do."""
        return torch.sigmoid(_enlarge(F.conv2d(keys, self.weight, self.bias), side))


def _enlarge(small: Tensor, side: int) -> Tensor:
    """(B, 1, h, w) -> (B, side, side), bilinear."""
    return F.interpolate(small, size=(side, side), mode="bilinear", align_corners=False)[:, 0]
