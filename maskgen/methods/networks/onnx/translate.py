"""A network of maskgen as an ONNX model.

`torch.export` gives the network as a list of ATen operators, of which ours need a dozen; each is written
here as one ONNX node. (torch's own ONNX exporters need the package onnxscript, or are deprecated and leave
600 nodes of shape arithmetic.)
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from maskgen.errors import EnvironmentFault, UsageError

from .arrays import planes
from .message import Node
from .session import model_runner
from .write import INPUT, OUTPUT, write_model, written_model

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import fx, nn

    from maskgen.methods.network import NetworkInput

    from .declaration import Declaration

MAX_ERROR = 1e-4
"""Of the saliency between torch and the exported model, above which the export has failed."""
RUNTIMES = ("onnxruntime", "openvino")


def network_to_onnx(network: nn.Module, side: int, name: str, words: str, declaration: Declaration) -> bytes:
    """A network in eval mode as an ONNX file.

    (batch, 3, side, side) float32 in, (batch, 1, side, side) in [0, 1] out.

    Args:
        network: on the CPU, its batch norms folded.
        side: of the square input, px.
        name: kept in the file with the tool's version.
        words: how photos are prepared, for people.
        declaration: the same, for `--network`; kept in the file.

    Raises:
        UsageError: the network has an operator that is not known here.
    """
    program = torch.export.export(network, (torch.zeros(1, 3, side, side),))
    signature = program.graph_signature
    names = {signature.user_inputs[0]: INPUT, signature.user_outputs[0]: OUTPUT}  # pyright: ignore[reportIndexIssue]
    translation = _Translation(names)
    for placeholder, key in {**signature.inputs_to_parameters, **signature.inputs_to_buffers}.items():
        translation.constant(str(placeholder), program.state_dict[key].detach().numpy())
    for node in program.graph.nodes:
        if node.op == "call_function":
            translation.add(node)
    return write_model(
        translation.nodes, translation.constants, declaration, side=side, name=name, words=words
    )


class _Translation:
    """ONNX nodes and constants, made one ATen node at a time."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names
        self.nodes: list[Node] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self.constants[name] = values
        return name

    def add(self, node: fx.Node) -> None:
        operator = str(node.target)
        if operator not in _OPERATORS or node.kwargs:
            raise _unknown(node, f"with {', '.join(node.kwargs)}" if node.kwargs else "")
        kind, inputs, attributes = _OPERATORS[operator](self, node)
        names = [self.name(value) for value in inputs]
        self.nodes.append(Node(kind, names, [self.name(node)], attributes))

    def name(self, value: fx.Node | str) -> str:
        name = value if isinstance(value, str) else value.name
        return self._names.get(name, name)


_Onnx = tuple[str, Sequence[Any], dict[str, Any]]
"""Kind of node, inputs, attributes."""


def _conv(_: _Translation, node: fx.Node) -> _Onnx:
    x, weight, bias, *rest = node.args
    stride, padding, dilation, groups = _fill_defaults(rest, [1, 1], [0, 0], [1, 1], 1)
    window: dict[str, Any] = {"strides": stride, "pads": [*_pair(padding), *_pair(padding)]}
    return "Conv", (x, weight, bias), {**window, "dilations": dilation, "group": groups}


def _pool(_: _Translation, node: fx.Node) -> _Onnx:
    x, kernel, *rest = node.args
    stride, padding, dilation, ceil = _fill_defaults(rest, kernel, [0, 0], [1, 1], False)
    window = {"kernel_shape": kernel, "strides": stride, "pads": [*_pair(padding), *_pair(padding)]}
    return "MaxPool", (x,), {**window, "dilations": dilation, "ceil_mode": int(bool(ceil))}


def _upsample(translation: _Translation, node: fx.Node) -> _Onnx:
    x, size, align_corners, factors = node.args
    if factors is not None:
        raise _unknown(node, "with factors instead of a size")
    sizes = translation.constant(f"{node.name}_size", np.array(size, np.int64))
    coordinates = "align_corners" if align_corners else "pytorch_half_pixel"
    how = {"mode": "linear", "coordinate_transformation_mode": coordinates, "axes": [2, 3]}
    return "Resize", (x, "", "", sizes), how


def _cat(_: _Translation, node: fx.Node) -> _Onnx:
    parts, axis = node.args
    assert isinstance(parts, list | tuple)  # noqa: S101 - for the type checker
    return "Concat", parts, {"axis": axis}


def _plain(kind: str) -> Callable[[_Translation, fx.Node], _Onnx]:
    def plain(_: _Translation, node: fx.Node) -> _Onnx:
        if any(isinstance(value, int | float) for value in node.args):
            raise _unknown(node, "with a number")
        return kind, node.args, {}

    return plain


def _unknown(node: fx.Node, words: str = "") -> UsageError:
    return UsageError(
        f"the network has an operator that the export does not know: {node.target} {words}".rstrip()
    )


def _fill_defaults(given: list[Any], *defaults: Any) -> list[Any]:
    """An operator's arguments with the defaults that the node leaves out at the end."""
    return [*given, *defaults[len(given) :]]


def _pair(value: Any) -> list[int]:
    return [int(one) for one in value]


_OPERATORS: dict[str, Callable[[_Translation, fx.Node], _Onnx]] = {
    "aten.conv2d.default": _conv,
    "aten.max_pool2d.default": _pool,
    "aten.upsample_bilinear2d.vec": _upsample,
    "aten.cat.default": _cat,
    "aten.relu.default": _plain("Relu"),
    "aten.relu_.default": _plain("Relu"),
    "aten.add.Tensor": _plain("Add"),
    "aten.sigmoid.default": _plain("Sigmoid"),
}


def export_error(
    network: nn.Module,
    model: bytes,
    photos: NDArray[np.uint8],
    input: NetworkInput,  # noqa: A002
) -> float:
    """The largest difference of saliency, in [0, 1], between torch's float64 and the exported model.

    Against float64, since torch's own float32 rounds by up to 8e-5 on some CPUs (U²-Net-p). The photos are
    given as one batch, so that the free batch axis is tried as well.

    Args:
        network: that was exported, on the CPU.
        model: its ONNX file.
        photos: (B, side, side, 3) uint8 RGB.
        input: how the network wants them.

    Raises:
        EnvironmentFault: no runtime is installed that could run the model.
    """
    installed = [name for name in RUNTIMES if importlib.util.find_spec(name)]
    if not installed:
        raise EnvironmentFault(
            "no runtime is installed that could check the model", remedy="pip install onnxruntime"
        )
    x = planes(photos, input)
    with torch.inference_mode():
        wanted = deepcopy(network).double()(torch.from_numpy(x).double()).numpy()
    got = model_runner(written_model(model, photos.shape[1]), installed[0], x.shape)(x)
    return float(np.abs(got - wanted).max())
