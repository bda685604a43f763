"""A tiny inpainting model that can be worked by hand; a test that imports this needs onnx and onnxruntime."""

from __future__ import annotations

import importlib.util

import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
helper = onnx.helper
FLOAT = onnx.TensorProto.FLOAT
RUNTIMES = ["onnxruntime", *(["openvino"] if importlib.util.find_spec("openvino") else [])]
SIDE = 32


def blurring(white: float = 1.0) -> bytes:
    """Known pixels as they are, the mean color of the known ones in the hole; times `white`."""
    nodes = [
        helper.make_node("Sub", ["one", "mask"], ["known"]),
        helper.make_node("Mul", ["image", "known"], ["visible"]),
        helper.make_node("ReduceMean", ["visible"], ["sum"], axes=[2, 3]),
        helper.make_node("ReduceMean", ["known"], ["count"], axes=[2, 3]),
        helper.make_node("Div", ["sum", "count"], ["mean"]),
        helper.make_node("Mul", ["mean", "mask"], ["fill"]),
        helper.make_node("Add", ["visible", "fill"], ["both"]),
        helper.make_node("Mul", ["both", "white"], ["painted"]),
    ]
    numbers = [helper.make_tensor(name, FLOAT, [1], [v]) for name, v in (("one", 1.0), ("white", white))]
    inputs = [
        helper.make_tensor_value_info(name, FLOAT, [1, channels, SIDE, SIDE])
        for name, channels in (("image", 3), ("mask", 1))
    ]
    outputs = [helper.make_tensor_value_info("painted", FLOAT, [1, 3, SIDE, SIDE])]
    graph = helper.make_graph(nodes, "inpainting", inputs, outputs, numbers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data
