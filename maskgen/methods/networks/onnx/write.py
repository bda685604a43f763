"""Networks of maskgen as ONNX files that say how their photos are prepared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from maskgen.version import __version__

from .file import DECLARATION, NETWORK, ModelFile
from .message import Graph, Node, encode_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .declaration import Declaration

OPSET = 18
"""The first whose Resize takes sizes of chosen axes; both runtimes have it since 2023."""
IR_VERSION = 8
INPUT, OUTPUT = "photo", "saliency"


def write_model(
    nodes: Sequence[Node],
    constants: Mapping[str, NDArray[Any]],
    declaration: Declaration,
    *,
    side: int,
    name: str,
    words: str,
) -> bytes:
    """A network as an ONNX file: (batch, 3, side, side) float32 in, (batch, 1, side, side) in [0, 1] out.

    Args:
        nodes: of the graph, from `INPUT` to `OUTPUT`.
        constants: of the graph, float32 or int64, by name.
        declaration: how photos are prepared; kept in the file.
        side: of the square input, px.
        name: kept in the file with the tool's version.
        words: how photos are prepared, for people.

    Raises:
        ValueError: the graph does not hold together.
    """
    graph = Graph(
        name=name,
        nodes=nodes,
        constants=constants,
        inputs={INPUT: ["batch", 3, side, side]},
        outputs={OUTPUT: ["batch", 1, side, side]},
    )
    return encode_model(
        graph,
        opset=OPSET,
        ir_version=IR_VERSION,
        producer=("maskgen", __version__),
        words=f"{name}: {words}; a saliency map in [0, 1].",
        properties={NETWORK: name, "side": str(side), DECLARATION: declaration.render()},
    )


def written_model(data: bytes, side: int) -> ModelFile:
    """What `read_model` makes of a file that `write_model` wrote, without the package onnx.

    Args:
        data: the file, of a network that ends with a sigmoid, as all of ours do.
        side: it was written with.
    """
    return ModelFile(data, "", INPUT, np.dtype(np.float32), 0, side, (OUTPUT,), (True,))
