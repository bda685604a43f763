"""The networks of DeepUSPS run by torch, on a CPU or a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..u2net.torch_runner import HALVES, blank_broken, place_maps, prepare_device
from .layers import normalize_photos

if TYPE_CHECKING:
    from maskgen.methods.network import Infer, NetworkInput


def deepusps_infer(
    network: nn.Module,
    input: NetworkInput,  # noqa: A002 - the contract's name
    *,
    device: str,
    precision: str,
    compile: bool = False,  # noqa: A002 - the option's name
) -> Infer:
    """Put a network on its device.

    Args:
        network: with its weights, on the CPU; it is changed.
        input: how photos were prepared; normalization is `normalize_photos`'s.
        device: ``cpu``, ``cuda`` or one GPU as ``cuda:1``.
        precision: ``fp32``; ``tf32`` (fp32 whose convolutions use TF32); ``fp16`` or ``bf16`` autocast.
        compile: whether torch.compile is used; every batch must then have the same size.

    Raises:
        EnvironmentFault: a GPU that is not there, or without bfloat16.
    """
    assert input.divisor == "255"  # noqa: S101 - what `normalize_photos` takes
    target = prepare_device(device, precision)
    return place_maps(MirroredMaps(network, HALVES.get(precision)), target, precision, compile=compile)


class MirroredMaps(nn.Module):
    """Prepared pixels to maps: the mean of what the network says of the photo and of its mirror image.

    Unlike U²-Net's, maps are not stretched: where nothing stands out the map stays empty.

    Args:
        network: in eval mode.
        half: what its convolutions are computed in; None: float32.
    """

    def __init__(self, network: nn.Module, half: torch.dtype | None) -> None:
        super().__init__()
        self.network, self.low = network, half

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, S, S, 3) uint8 or float32 in [0, 255] -> (B, S, S) float32 in [0, 1].

        A map that is not finite is NaN.
        """
        x = normalize_photos(pixels.permute(0, 3, 1, 2).float()).contiguous(memory_format=torch.channels_last)
        with torch.autocast(x.device.type, self.low or torch.bfloat16, enabled=self.low is not None):
            straight, mirrored = self.network(x), self.network(x.flip(3)).flip(2)
        maps = (torch.sigmoid(straight.float()) + torch.sigmoid(mirrored.float())) / 2
        return blank_broken(maps)
