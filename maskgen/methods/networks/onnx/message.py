"""An ONNX model's bytes, without the package onnx: what a network of maskgen needs of the format.

A model is a protobuf message: fields, each a tag (its number and how its value is written) and the value
(https://protobuf.dev/programming-guides/encoding/). Numbers and types of the fields are those of the standard
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

_NUMBER, _BYTES = 0, 2  # how a value is written: as a varint, or as its length and itself
_DATA_TYPES = {np.dtype(np.float32): 1, np.dtype(np.int64): 7}
_INT, _STRING, _INTS = 2, 3, 7  # of AttributeProto.AttributeType

Attribute: TypeAlias = int | str | Sequence[int]


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of a graph.

    Args:
        kind: its name in the ONNX standard.
        inputs: names of what it takes; an empty one stands for an input that is left out.
        outputs: names of what it gives.
        attributes: by name.
    """

    kind: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A network: its operators from the first to the last, and what they compute with.

    Args:
        name: of the network.
        nodes: each after those whose outputs it takes.
        constants: float32 or int64, by name.
        inputs: shape of each float32 input, by name; a text is a free size of that name.
        outputs: the same of each output.
    """

    name: str
    nodes: Sequence[Node]
    constants: Mapping[str, NDArray[Any]]
    inputs: Mapping[str, Sequence[int | str]]
    outputs: Mapping[str, Sequence[int | str]]

    def require_whole(self) -> None:
        """See that every name that is taken is given before.

        Raises:
            ValueError: one is not; the message names it.
        """
        given = {"", *self.inputs, *self.constants}
        for node in self.nodes:
            if missing := set(node.inputs) - given:
                raise ValueError(f"{node.kind} takes {sorted(missing)}, which nothing before it gives")
            given |= {*node.outputs}
        if missing := set(self.outputs) - given:
            raise ValueError(f"nothing gives the outputs {sorted(missing)}")


def encode_model(
    graph: Graph,
    *,
    opset: int,
    ir_version: int,
    producer: tuple[str, str],
    words: str,
    properties: Mapping[str, str],
) -> bytes:
    r"""A model as an ONNX file.

    Args:
        graph: the network.
        opset: version of the standard's operators.
        ir_version: of the format.
        producer: name and version of what wrote it.
        words: on the model, for people.
        properties: on the model, for programs.

    Raises:
        ValueError: the graph does not hold together.

    Example:
        >>> from maskgen.methods.networks.onnx.message import Graph, Node, encode_model
        >>> node = Node("Relu", ["x"], ["y"])
        >>> graph = Graph(name="tiny", nodes=[node], constants={}, inputs={"x": [1]}, outputs={"y": [1]})
        >>> encode_model(graph, opset=18, ir_version=8, producer=("me", "1"), words="", properties={})[:2]
        b'\x08\x08'
    """
    graph.require_whole()
    return b"".join(
        (
            _number(1, ir_version),
            _text(2, producer[0]),
            _text(3, producer[1]),
            _text(6, words),
            _message(7, _graph(graph)),
            _message(8, _text(1, ""), _number(2, opset)),
            *(_message(14, _text(1, key), _text(2, value)) for key, value in properties.items()),
        )
    )


def _graph(graph: Graph) -> bytes:
    return b"".join(
        (
            *(_message(1, _node(one)) for one in graph.nodes),
            _text(2, graph.name),
            *(_message(5, _tensor(name, values)) for name, values in graph.constants.items()),
            *(_message(11, _value(name, shape)) for name, shape in graph.inputs.items()),
            *(_message(12, _value(name, shape)) for name, shape in graph.outputs.items()),
        )
    )


def _node(node: Node) -> bytes:
    return b"".join(
        (
            *(_text(1, name) for name in node.inputs),
            *(_text(2, name) for name in node.outputs),
            _text(4, node.kind),
            *(_message(5, _attribute(name, value)) for name, value in sorted(node.attributes.items())),
        )
    )


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, str):
        return _text(1, name) + _text(4, value) + _number(20, _STRING)
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, _INT)
    return b"".join((_text(1, name), *(_number(8, one) for one in value), _number(20, _INTS)))


def _tensor(name: str, values: NDArray[Any]) -> bytes:
    little = values.astype(values.dtype.newbyteorder("<"), order="C", copy=False)
    return b"".join(
        (
            *(_number(1, size) for size in values.shape),
            _number(2, _DATA_TYPES[values.dtype]),
            _text(8, name),
            _field(9, little.tobytes()),
        )
    )


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sizes = (_message(1, _text(2, one) if isinstance(one, str) else _number(1, one)) for one in shape)
    tensor = _message(1, _number(1, _DATA_TYPES[np.dtype(np.float32)]), _message(2, *sizes))
    return _text(1, name) + _message(2, tensor)


def _message(number: int, *parts: bytes) -> bytes:
    return _field(number, b"".join(parts))


def _text(number: int, value: str) -> bytes:
    return _field(number, value.encode())


def _field(number: int, value: bytes) -> bytes:
    return b"".join((_varint(number << 3 | _BYTES), _varint(len(value)), value))


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | _NUMBER) + _varint(value)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first, the top bit set on all but the last; 64 bits where negative."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
