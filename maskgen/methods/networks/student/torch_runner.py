"""Students run by torch, on a CPU or a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..u2net.torch_runner import HALVES, blank_broken, place_maps, prepare_device
from .encoder import normalize_lite
from .layers import Saliency

if TYPE_CHECKING:
    from maskgen.methods.network import Infer, NetworkInput

    from .layers import Student


def student_infer(
    network: Student,
    input: NetworkInput,  # noqa: A002 - the contract's name
    *,
    device: str,
    precision: str,
    compile: bool = False,  # noqa: A002 - the option's name
) -> Infer:
    """Put a student on its device.

    Args:
        network: with its weights, on the CPU; it is changed.
        input: how photos were prepared; normalization is `normalize_lite`'s.
        device: ``cpu``, ``cuda`` or one GPU as ``cuda:1``.
        precision: ``fp32``; ``tf32`` (fp32 whose convolutions use TF32); ``fp16`` or ``bf16`` autocast.
        compile: whether torch.compile is used; every batch must then have the same size.

    Raises:
        EnvironmentFault: a GPU that is not there, or without bfloat16.
    """
    assert input.divisor == "255"  # noqa: S101 - what `normalize_lite` takes
    target = prepare_device(device, precision)
    return place_maps(PixelMaps(Saliency(network), HALVES.get(precision)), target, precision, compile=compile)


class PixelMaps(nn.Module):
    """Prepared pixels to maps, all on the device.

    Args:
        network: in eval mode.
        half: what its convolutions are computed in; None: float32.
    """

    def __init__(self, network: Saliency, half: torch.dtype | None) -> None:
        super().__init__()
        self.network, self.low = network, half

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, S, S, 3) uint8 or float32 in [0, 255] -> (B, S, S) float32 in [0, 1].

        A map that is not finite is NaN.
        """
        x = normalize_lite(pixels.permute(0, 3, 1, 2).float()).contiguous(memory_format=torch.channels_last)
        with torch.autocast(x.device.type, self.low or torch.bfloat16, enabled=self.low is not None):
            maps = self.network(x)[:, 0].float()
        return blank_broken(maps)
