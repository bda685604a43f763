"""U²-Net as an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..onnx.declaration import KNOWN
from ..onnx.translate import network_to_onnx
from .layers import fold_batch_norm

if TYPE_CHECKING:
    from torch import nn


def u2net_to_onnx(network: nn.Module, side: int, name: str = "u2net") -> bytes:
    """The network in eval mode as an ONNX file.

    (batch, 3, side, side) float32 in, (batch, 1, side, side) in [0, 1] out.

    Batch norms are folded into their convolutions (in place, as for every other runtime).

    Args:
        network: a U2Net on the CPU.
        side: of the square input, px.
        name: kept in the file with the tool's version.

    Raises:
        UsageError: the network has an operator that is not U²-Net's.
    """
    words = "RGB over its maximum, ImageNet mean and std"
    return network_to_onnx(fold_batch_norm(network), side, name, words, KNOWN["u2net"])
