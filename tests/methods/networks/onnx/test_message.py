"""A model's bytes against those that the package onnx makes of the same graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from maskgen.methods.networks.onnx.message import Graph, Node, encode_model  # noqa: E402

CONSTANTS = {
    "kernel": np.linspace(-1, 1, 36, dtype=np.float32).reshape(4, 1, 3, 3),
    "sizes": np.array([7, -1, 2**40], np.int64),
    "one": np.array(1, np.float32),
    "across": np.arange(6, dtype=np.float32).reshape(2, 3).T,
}
NODES = [
    Node("Conv", ["x", "kernel"], ["h"], {"strides": [2, 2], "group": 4, "pads": (0, 1, 0, 300)}),
    Node("Resize", ["h", "", "", "sizes"], ["y"], {"mode": "linear", "axes": [-2, -1]}),
]


def graph(**changes: Any) -> Graph:
    values: dict[str, Any] = {
        "name": "grün",
        "nodes": NODES,
        "constants": CONSTANTS,
        "inputs": {"x": ["batch", 4, 8, 200]},
        "outputs": {"y": ["batch", 4, 7, 7]},
    }
    return Graph(**{**values, **changes})


def test_the_bytes_are_those_of_the_package_onnx() -> None:
    helper, numpy_helper, kind = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node(one.kind, one.inputs, one.outputs, **one.attributes) for one in NODES]
    tensors = [numpy_helper.from_array(one, name) for name, one in CONSTANTS.items()]
    ends = [
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in values.items()]
        for values in (graph().inputs, graph().outputs)
    ]
    wanted = helper.make_model(
        helper.make_graph(nodes, "grün", *ends, tensors),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=8,
        producer_name="me",
        producer_version="1.0",
        doc_string="for people",
    )
    helper.set_model_props(wanted, {"side": "8", "long": "x" * 200})
    found = encode_model(
        graph(),
        opset=18,
        ir_version=8,
        producer=("me", "1.0"),
        words="for people",
        properties={"side": "8", "long": "x" * 200},
    )
    assert onnx.load_from_string(found) == wanted
    assert found == wanted.SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"nodes": NODES[::-1]}, r"Resize takes \['h'\]"),
        ({"constants": {}}, r"Conv takes \['kernel'\]"),
        ({"outputs": {"z": [1]}}, r"nothing gives the outputs \['z'\]"),
    ],
)
def test_a_graph_that_does_not_hold_together_is_not_written(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        encode_model(graph(**changes), opset=18, ir_version=8, producer=("", ""), words="", properties={})
