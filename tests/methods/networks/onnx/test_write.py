"""A file of one node, read back by the package onnx and run."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from maskgen.methods.network import NetworkInput  # noqa: E402
from maskgen.methods.networks.onnx.declaration import (  # noqa: E402
    Declaration,
    NetworkOutput,
    read_declaration,
)
from maskgen.methods.networks.onnx.file import read_model  # noqa: E402
from maskgen.methods.networks.onnx.session import model_runner  # noqa: E402
from maskgen.methods.networks.onnx.write import INPUT, OPSET, OUTPUT, write_model  # noqa: E402

DECLARATION = Declaration(NetworkInput(32, (0.5,) * 3, (0.25,) * 3, divisor="255"), NetworkOutput(0))


def test_the_file_runs_for_any_batch_and_says_what_it_is() -> None:
    helper = onnx.helper
    axes = onnx.numpy_helper.from_array(np.array([1]), "axes")
    node = helper.make_node("ReduceMean", [INPUT, "axes"], [OUTPUT], keepdims=1)
    data = write_model([node], [axes], DECLARATION, side=32, name="mean", words="in words")
    x = np.random.default_rng(0).random((2, 3, 32, 32), np.float32)
    got = model_runner(read_model(data), "onnxruntime", x.shape)(x)
    np.testing.assert_allclose(got, x.mean(1, keepdims=True), atol=1e-6)
    model = onnx.load_from_string(data)
    told = {item.key: item.value for item in model.metadata_props}
    assert (told["network"], told["side"]) == ("mean", "32")
    assert read_declaration(told["declaration"]) == DECLARATION
    assert model.opset_import[0].version == OPSET
    assert "in words" in model.doc_string


def test_a_graph_that_does_not_hold_together_is_not_written() -> None:
    node = onnx.helper.make_node("Relu", ["nowhere"], [OUTPUT])
    with pytest.raises(onnx.checker.ValidationError):
        write_model([node], [], DECLARATION, side=32, name="torn", words="")
