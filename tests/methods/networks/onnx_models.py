"""Tiny ONNX models whose results can be worked by hand; a test that imports this needs onnx and
onnxruntime.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.methods.network import NetworkInput
from maskgen.methods.networks.onnx.declaration import (
    NetworkOutput,
)
from maskgen.methods.networks.onnx.session import onnx_infer

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

helper = onnx.helper
RUNTIMES = ["onnxruntime", *(["openvino"] if importlib.util.find_spec("openvino") else [])]
FLOAT, FLOAT16 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
SIDE = 16
RAW = NetworkInput(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), divisor="255", resize="antialias")
"""Pixels over 255, nothing else."""


def tiny(
    nodes: Sequence[Any],
    outputs: Sequence[str],
    *,
    sizes: Sequence[int | str] = ("batch", 3, SIDE, SIDE),
    kind: int = FLOAT,
    initializers: Sequence[Any] = (),
    **model: Any,
) -> bytes:
    """A model with the input ``photo`` and outputs of any size."""
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [helper.make_tensor_value_info("photo", kind, list(sizes))],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        list(initializers),
    )
    opsets = model.pop("opset_imports", [helper.make_opsetid("", 18)])
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8, **model).SerializeToString())


def channels(**model: Any) -> bytes:
    """The planes of the input as outputs red, green and blue."""
    return tiny(
        [helper.make_node("Split", ["photo"], ["red", "green", "blue"], axis=1, num_outputs=3)],
        ["red", "green", "blue"],
        **model,
    )


def photo(count: int = 1, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def maps(
    model: bytes,
    batch: NDArray[Any],
    runtime: str,
    input: NetworkInput = RAW,  # noqa: A002
    output: NetworkOutput = NetworkOutput(),  # noqa: B008 - frozen
) -> NDArray[Any]:
    return onnx_infer(model, input, output, runtime=runtime)(batch)


def split(name: str) -> Any:
    return helper.make_node("Split", [name], ["red", "green", "blue"], axis=1, num_outputs=3)
