"""Files that are refused before a runtime sees them, and files that are welcome."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx_models import FLOAT, SIDE, channels, helper, maps, onnx, photo, split, tiny

from maskgen.errors import UsageError
from maskgen.methods.networks.onnx.file import read_model


def external(tmp_path: Path) -> bytes:
    weight = onnx.numpy_helper.from_array(np.ones((3, 3, 64, 64), np.float32), "w")
    data = tiny([helper.make_node("Conv", ["photo", "w"], ["out"])], ["out"], initializers=[weight])
    path = tmp_path / "external.onnx"
    onnx.save(onnx.load_from_string(data), path, save_as_external_data=True, size_threshold=1024)
    return path.read_bytes()


def custom_in_a_branch(_: Path) -> bytes:
    branch = helper.make_graph(
        [helper.make_node("Steal", ["photo"], ["b"], domain="evil.ops")],
        "branch",
        [],
        [helper.make_tensor_value_info("b", FLOAT, None)],
    )
    condition = helper.make_tensor("yes", onnx.TensorProto.BOOL, [], [True])
    node = helper.make_node("If", ["yes"], ["out"], then_branch=branch, else_branch=branch)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("evil.ops", 1)]
    return tiny([node], ["out"], initializers=[condition], opset_imports=opsets)


def two_inputs(_: Path) -> bytes:
    model = onnx.load_from_string(channels())
    model.graph.input.append(helper.make_tensor_value_info("points", FLOAT, [1, 2]))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (external, "other files"),
        (custom_in_a_branch, "evil.ops::Steal"),
        (two_inputs, "points"),
        (lambda _: channels(sizes=("batch", SIDE, SIDE, 3)), "channels first"),
        (lambda _: channels(sizes=("batch", 3, SIDE, 2 * SIDE)), "square"),
        (lambda _: channels(sizes=(3, SIDE, SIDE)), "batch, 3, side, side"),
        (lambda _: channels(kind=onnx.TensorProto.UINT8), "data type 2"),
        (lambda _: b"", "no ONNX model"),
        (lambda _: b"PK\x03\x04" + bytes(200), "no ONNX model"),
        (lambda _: channels()[:-40], "ONNX model"),
    ],
)
def test_models_that_cannot_be_used_are_refused_unrun(
    tmp_path: Path, make: Callable[[Path], bytes], words: str
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(make(tmp_path))
    with pytest.raises(UsageError, match=words) as caught:
        read_model(path)
    assert "model.onnx" in str(caught.value)


def test_a_model_with_its_own_functions_is_welcome() -> None:
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    body = [helper.make_node("Identity", ["x"], ["y"])]
    own = helper.make_function("own", "Same", ["x"], ["y"], body, [helper.make_opsetid("", 18)])
    nodes = [helper.make_node("Same", ["photo"], ["all"], domain="own"), split("all")]
    model = tiny(nodes, ["red", "green", "blue"], opset_imports=opsets, functions=[own])
    np.testing.assert_allclose(maps(model, photo(), "onnxruntime"), photo()[..., 0] / 255, atol=1e-6)


def test_files_that_are_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such model"):
        read_model(tmp_path / "none.onnx")
    large = tmp_path / "large.onnx"
    with large.open("wb") as file:
        file.truncate(1 << 31)  # a hole: takes no room on the disk
    with pytest.raises(UsageError, match="too large"):
        read_model(large)
