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
from maskgen.methods.networks.onnx.message import Node  # noqa: E402
from maskgen.methods.networks.onnx.session import model_runner  # noqa: E402
from maskgen.methods.networks.onnx.write import (  # noqa: E402
    INPUT,
    OPSET,
    OUTPUT,
    write_model,
    written_model,
)

DECLARATION = Declaration(NetworkInput(32, (0.5,) * 3, (0.25,) * 3, divisor="255"), NetworkOutput(0))


def test_the_file_runs_for_any_batch_and_says_what_it_is() -> None:
    node = Node("ReduceMean", [INPUT, "axes"], [OUTPUT], {"keepdims": 1})
    axes = {"axes": np.array([1])}
    data = write_model([node], axes, DECLARATION, side=32, name="mean", words="in words")
    x = np.random.default_rng(0).random((2, 3, 32, 32), np.float32)
    got = model_runner(read_model(data), "onnxruntime", x.shape)(x)
    np.testing.assert_allclose(got, x.mean(1, keepdims=True), atol=1e-6)
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    told = {item.key: item.value for item in model.metadata_props}
    assert (told["network"], told["side"]) == ("mean", "32")
    assert read_declaration(told["declaration"]) == DECLARATION
    assert model.opset_import[0].version == OPSET
    assert "in words" in model.doc_string


def test_what_is_known_of_a_file_of_ours_is_what_reading_it_finds() -> None:
    nodes = [Node("ReduceMean", [INPUT, "axes"], ["h"]), Node("Sigmoid", ["h"], [OUTPUT])]
    data = write_model(nodes, {"axes": np.array([1])}, DECLARATION, side=32, name="mean", words="")
    assert written_model(data, 32) == read_model(data)


def test_a_graph_that_does_not_hold_together_is_not_written() -> None:
    with pytest.raises(ValueError, match="Relu takes"):
        write_model([Node("Relu", ["nowhere"], [OUTPUT])], {}, DECLARATION, side=32, name="torn", words="")
