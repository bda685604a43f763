"""A student as an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..onnx.declaration import Declaration, NetworkOutput
from ..onnx.translate import network_to_onnx
from .layers import Saliency

if TYPE_CHECKING:
    from maskgen.methods.network import NetworkInput

    from .layers import Student


def student_to_onnx(network: Student, photos: NetworkInput, name: str) -> bytes:
    """The network as an ONNX file: (batch, 3, side, side) float32 in, (batch, 1, side, side) in [0, 1] out.

    Args:
        network: with its weights, on the CPU; its batch norms are folded in place.
        photos: how they are prepared.
        name: of the encoder, kept in the file.

    Raises:
        EnvironmentFault: the package onnx is not installed.
    """
    declaration = Declaration(photos, NetworkOutput(0))
    return network_to_onnx(Saliency(network), photos.side, name, "(RGB - 127) / 128", declaration)
