"""Nodes and constants as an ONNX file that says how its photos are prepared."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from maskgen.version import __version__

from .file import require_onnx

if TYPE_CHECKING:
    from .declaration import Declaration

OPSET = 18
"""The first whose Resize takes sizes of chosen axes; both runtimes have it since 2023."""
IR_VERSION = 8
INPUT, OUTPUT = "photo", "saliency"


def write_model(
    nodes: Sequence[Any],
    constants: Sequence[Any],
    declaration: Declaration,
    *,
    side: int,
    name: str,
    words: str,
) -> bytes:
    """A network as an ONNX file: (batch, 3, side, side) float32 in, (batch, 1, side, side) in [0, 1] out.

    Args:
        nodes: of the graph, NodeProto, from `INPUT` to `OUTPUT`.
        constants: of the graph, TensorProto.
        declaration: how photos are prepared, for `--network`; kept in the file.
        side: of the square input, px.
        name: kept in the file with the tool's version.
        words: how photos are prepared, for people.

    Raises:
        EnvironmentFault: the package onnx is not installed.
    """
    require_onnx()
    onnx, helper = importlib.import_module("onnx"), importlib.import_module("onnx.helper")
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(INPUT, kind, ["batch", 3, side, side])],
        [helper.make_tensor_value_info(OUTPUT, kind, ["batch", 1, side, side])],
        constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="maskgen",
        producer_version=__version__,
        doc_string=f"{name}: {words}; a saliency map in [0, 1].",
    )
    helper.set_model_props(model, {"network": name, "side": str(side), "declaration": declaration.render()})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
