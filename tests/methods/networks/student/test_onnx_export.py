"""A student's ONNX file: what it says of itself, and torch's map from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from torch import nn  # noqa: E402

from maskgen.errors import UsageError  # noqa: E402
from maskgen.methods.network import NetworkInput  # noqa: E402
from maskgen.methods.networks.onnx.declaration import read_declaration  # noqa: E402
from maskgen.methods.networks.onnx.file import read_model  # noqa: E402
from maskgen.methods.networks.onnx.session import model_runner  # noqa: E402
from maskgen.methods.networks.onnx.write import written_model  # noqa: E402
from maskgen.methods.networks.student.method import MEAN, STD  # noqa: E402
from maskgen.methods.networks.student.onnx_export import student_to_onnx  # noqa: E402
from maskgen.methods.networks.student.weights import build_student  # noqa: E402

pytestmark = pytest.mark.slow

INPUT = NetworkInput(64, MEAN, STD, divisor="255")


def test_the_file_gives_torchs_map_and_says_how_photos_are_prepared() -> None:
    torch.manual_seed(0)
    network = build_student("lite0").eval()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):  # as if trained
            nn.init.normal_(part.running_mean)  # type: ignore[arg-type]
            nn.init.uniform_(part.running_var, 0.5, 2)  # type: ignore[arg-type]
    with torch.no_grad():
        network.decoder.head.weight *= 20
    x = torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = network(x).sigmoid()[:, None].numpy()
    assert wanted.std() > 0.01
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    data = student_to_onnx(state, INPUT, "lite0")
    file = read_model(data)
    np.testing.assert_allclose(model_runner(file, "onnxruntime", x.shape)(x.numpy()), wanted, atol=1e-4)
    assert (file.batch, file.side) == (0, 64)
    assert written_model(data, 64) == file
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    told = {item.key: item.value for item in model.metadata_props}
    assert (told["network"], told["side"]) == ("lite0", "64")
    how = read_declaration(told["declaration"]).input
    assert (how.side, how.divisor) == (64, "255")
    np.testing.assert_allclose((how.mean, how.std), (MEAN, STD), atol=1e-6)
    assert not any("BatchNorm" in node.op_type for node in model.graph.node)
    assert student_to_onnx(state, INPUT, "lite0") == data


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("decoder.head.bias"), "missing decoder.head.bias"),
        (lambda state: state.update({"more": state["decoder.head.bias"]}), "unknown more"),
        (lambda state: state["encoder.stem.bias"].fill(np.nan), "not finite"),
        (lambda state: state["decoder.top.layers.1.running_var"].fill(-1), "negative variance"),
        (lambda state: state.update({"decoder.head.bias": np.zeros(2, np.float32)}), "instead of"),
        (lambda state: state.update({"decoder.head.bias": np.zeros(1, np.int64)}), "int64"),
    ],
)
def test_other_arrays_are_refused(change: Callable[[dict[str, NDArray[Any]]], Any], words: str) -> None:
    state = {name: value.numpy().copy() for name, value in build_student("lite0").state_dict().items()}
    change(state)
    with pytest.raises(UsageError) as caught:
        student_to_onnx(state, INPUT, "lite0")
    assert words in str(caught.value.cause)


@pytest.mark.parametrize("name", ["lite1", "lite2"])
def test_larger_students_are_put_together_too(name: str) -> None:
    torch.manual_seed(0)
    network = build_student(name).eval()
    x = torch.randn((1, 3, 64, 64))
    with torch.inference_mode():
        wanted = network(x).sigmoid()[:, None].numpy()
    state = {key: value.numpy() for key, value in network.state_dict().items()}
    file = read_model(student_to_onnx(state, INPUT, name))
    np.testing.assert_allclose(model_runner(file, "onnxruntime", x.shape)(x.numpy()), wanted, atol=1e-4)
