"""U²-Net run by OpenVINO on a CPU.

The graph is written from the network's modules operator by operator. OpenVINO's own converter would trace the
network for many seconds and start its usage statistics, and its graph keeps neither the marks for float32 nor
static shapes.
"""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
from torch import nn

from maskgen.errors import EnvironmentFault

from ..onnx.arrays import OnnxNetwork
from ..onnx.declaration import NetworkOutput
from ..openvino import bind_output, compile_model, import_openvino, openvino_core
from .layers import DEPTH, ConvBlock, ResidualU, U2Net, fold_batch_norm, offset_blocks

if TYPE_CHECKING:
    from maskgen.methods.network import Infer, NetworkInput

OPSET = "openvino.opset8"


def openvino_infer(network: U2Net, input: NetworkInput, *, precision: str) -> Infer:  # noqa: A002
    """Compile a network for this CPU, one photo a call.

    Args:
        network: with its weights, on the CPU; its batch norms are folded.
        input: how photos were prepared.
        precision: ``fp32``, ``bf16``, or ``mixed``: bfloat16 but float32 where `offset_blocks` finds large
            constants.

    Raises:
        EnvironmentFault: openvino is not installed; the CPU or this OpenVINO does not do the arithmetic.
    """
    openvino = import_openvino()
    fold_batch_norm(network)
    kept = offset_blocks(network) if precision == "mixed" else frozenset()
    graph = _Graph(openvino, kept)
    model = graph.model(network, input.side)
    if precision != "fp32":
        model = _mark_float32(openvino, model, frozenset(graph.float32))
    compiled = compile_model(model, precision)
    if kept and sum(one == "f32" for one in convolution_precisions(compiled)) != len(kept):
        remedy = "--runtime torch, or another version of openvino"
        raise EnvironmentFault("this OpenVINO does not keep the marked layers in float32", remedy=remedy)
    return OnnxNetwork(
        bind_output(compiled, 0), input, NetworkOutput(0, "none", stretch=True), np.dtype(np.float32), 1
    )


class _Graph:
    """OpenVINO nodes, made one module at a time.

    Args:
        openvino: the module.
        kept: names of the blocks that compute in float32.

    Attributes:
        float32: friendly names of the nodes that must do so.
    """

    def __init__(self, openvino: Any, kept: frozenset[str]) -> None:
        self._openvino = openvino
        self._ops: Any = importlib.import_module(OPSET)
        self._factory: Any = importlib.import_module("openvino.utils.node_factory").NodeFactory
        self._kept = kept
        self.float32: list[str] = []

    def model(self, network: U2Net, side: int) -> Any:
        """(1, 3, side, side) float32 -> (1, 1, side, side) probabilities."""
        x = self._ops.parameter([1, 3, side, side], np.float32, name="photo")
        encoded: list[Any] = []
        h = x
        for level in range(1, DEPTH + 1):
            h = self._stage(network, f"stage{level}", h if level == 1 else self._halve(h))
            encoded.append(h)
        decoded = [h]
        for level in range(DEPTH - 1, 0, -1):
            skip = encoded[level - 1]
            h = self._stage(network, f"stage{level}d", self._cat(self._upsample(h, skip), skip))
            decoded.insert(0, h)
        sides = [
            self._conv(h, network.get_submodule(f"side{level}")) for level, h in enumerate(decoded, start=1)
        ]
        maps = [sides[0], *(self._upsample(one, sides[0]) for one in sides[1:])]
        saliency = self._ops.sigmoid(self._conv(self._cat(*maps), network.outconv))
        self._keep(saliency)  # eight bits are too few for a soft mask
        return self._openvino.Model([saliency], [x], "u2net")

    def _stage(self, network: U2Net, name: str, x: Any) -> Any:
        stage = network.get_submodule(name)
        assert isinstance(stage, ResidualU)  # noqa: S101 - for the type checker
        residual = h = self._block(stage, name, "in", x)
        skips: list[Any] = []
        for level in range(1, stage.height):
            h = self._block(stage, name, str(level), h)
            skips.append(h)
            if not stage.dilated and level < stage.height - 1:
                h = self._halve(h)
        h = self._block(stage, name, str(stage.height), h)
        for level in range(stage.height - 1, 0, -1):
            skip = skips[level - 1]
            h = self._block(stage, name, f"{level}d", h, skip)
        return self._ops.add(h, residual)

    def _block(self, stage: ResidualU, name: str, part: str, x: Any, skip: Any = None) -> Any:
        """One ConvBlock, of `x` upsampled beside `skip` where there is one."""
        made: list[Any] = []
        if skip is not None:
            up = x if list(x.shape) == list(skip.shape) else self._upsample(x, skip)
            made += [up, x := self._cat(up, skip)]
        block = stage.get_submodule(f"rebnconv{part}")
        assert isinstance(block, ConvBlock)  # noqa: S101 - for the type checker
        convolved = self._conv(x, block.conv_s1)
        out = self._ops.relu(convolved)
        if f"{name}.rebnconv{part}" in self._kept:
            self._keep(*made, convolved.input_value(0).get_node(), convolved, out)
        return out

    def _keep(self, *nodes: Any) -> None:
        self.float32 += [node.get_friendly_name() for node in nodes]

    def _conv(self, x: Any, conv: nn.Module) -> Any:
        assert isinstance(conv, nn.Conv2d)  # noqa: S101 - for the type checker
        assert conv.bias is not None  # noqa: S101 - for the type checker
        weight, bias = (value.detach().numpy() for value in (conv.weight, conv.bias))
        padding = [int(one) for one in conv.padding]
        product = self._ops.convolution(
            x, weight, list(conv.stride), padding, padding, list(conv.dilation), auto_pad="explicit"
        )
        return self._ops.add(product, bias.reshape(1, -1, 1, 1))

    def _halve(self, x: Any) -> Any:
        window = {"strides": [2, 2], "kernel": [2, 2], "pads_begin": [0, 0], "pads_end": [0, 0]}
        return self._older(
            "opset1", "MaxPool", [x], {**window, "rounding_type": "ceil", "auto_pad": "explicit"}
        )

    def _upsample(self, x: Any, like: Any) -> Any:
        size, axes = np.array(list(like.shape)[2:], np.int64), np.array([2, 3], np.int64)
        scales = np.ones(2, np.float32)  # not looked at: the size is given
        how = {"mode": "linear_onnx", "shape_calculation_mode": "sizes", "nearest_mode": "round_prefer_floor"}
        how |= {"coordinate_transformation_mode": "half_pixel"}
        inputs = [x, *(self._ops.constant(value) for value in (size, scales, axes))]
        return self._older("opset4", "Interpolate", inputs, how)

    def _older(self, opset: str, kind: str, inputs: list[Any], attributes: dict[str, Any]) -> Any:
        """A node as the CPU runs it; a newer one would be rewritten into it, and lose its mark."""
        return self._factory(opset).create(kind, inputs, attributes)

    def _cat(self, *parts: Any) -> Any:
        return self._ops.concat(list(parts), 1)


def _mark_float32(openvino: Any, model: Any, names: frozenset[str]) -> Any:
    """The model with some nodes marked as not to be computed in less than float32.

    OpenVINO reads the mark from a model's file; there is no call for it.
    """
    with tempfile.TemporaryDirectory() as folder:
        xml, weights = Path(folder, "u2net.xml"), Path(folder, "u2net.bin")
        openvino.serialize(model, str(xml), str(weights))
        tree = ET.parse(xml)  # noqa: S314 - written one line above
        for layer in tree.iter("layer"):
            if layer.get("name") in names:
                notes = layer.find("rt_info")
                if notes is None:
                    notes = ET.SubElement(layer, "rt_info")
                ET.SubElement(notes, "attribute", name="precise", version="0")
        data = np.frombuffer(weights.read_bytes(), np.uint8)
        return openvino_core().read_model(ET.tostring(tree.getroot()), openvino.Tensor(data))


def convolution_precisions(compiled: Any) -> list[str]:
    """In what each convolution of a compiled model computes, as OpenVINO names it."""
    facts = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    return [str(one["runtimePrecision"].value) for one in facts if one["layerType"].value == "Convolution"]
