"""ONNX files looked into before a runtime sees them: one file, standard operators, one photo in."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from maskgen.errors import EnvironmentFault, UsageError

from ..recognize import other_method

MAX_BYTES = (1 << 31) - 1
"""What one protobuf message can hold; larger models keep their weights outside."""
DOMAINS = ("", "ai.onnx", "com.microsoft")
"""Of operators; the last is ONNX Runtime's own, which exporters and optimizers for it use."""
_DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.float32),
    10: np.dtype(np.float16),
}  # by TensorProto.DataType
DECLARATION = "declaration"
"""The property of a model that says how its photos are prepared and its maps finished."""
NETWORK = "network"
"""The property that says which network a file of ours holds."""
_EXTERNAL = 1  # of TensorProto.DataLocation
_SAME_VALUE = ("Identity", "Cast", "Clip", "Squeeze", "Unsqueeze", "Reshape", "Resize")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that can be used, and what it wants.

    Args:
        data: the file's bytes.
        where: its path, for messages.
        input: name of its only input, (batch, 3, side, side).
        dtype: of the input, float32 or float16.
        batch: images per call; 0 when any number will do.
        side: of its input, px; 0 when any will do.
        outputs: names in the model's order.
        sigmoid: for each output, whether it comes out of a sigmoid.
        declaration: what a file of ours says of its photos and maps, as `Declaration.render` writes it; empty
            in others.
        network: what a file of ours says that it is; empty in others.
    """

    data: bytes
    where: str
    input: str
    dtype: np.dtype[Any]
    batch: int
    side: int
    outputs: tuple[str, ...]
    sigmoid: tuple[bool, ...]
    declaration: str = field(default="", compare=False)
    network: str = field(default="", compare=False)

    def output_index(self, output: int | str) -> int:
        """The place of an output given by index or name, from 0.

        Raises:
            UsageError: there is no such output.
        """
        if output in self.outputs:
            return self.outputs.index(str(output))
        if isinstance(output, int) and -len(self.outputs) <= output < len(self.outputs):
            return output % len(self.outputs)
        names = ", ".join(self.outputs)
        raise UsageError(
            f"the model has no output {output!r}",
            where=self.where,
            remedy=f"it has {len(self.outputs)}: {names}",
        )


@dataclass(frozen=True, slots=True)
class ModelGraph:
    """A model of any inputs that can be used.

    Args:
        data: the file's bytes.
        where: its path, for messages.
        inputs: by name, ONNX's number of the data type, and the sizes, 0 where one is free.
        outputs: names in the model's order.
    """

    data: bytes
    where: str
    inputs: dict[str, tuple[int, tuple[int, ...]]]
    outputs: tuple[str, ...]


def read_model(model: bytes | Path) -> ModelFile:
    """Read and check a model; nothing is run.

    Raises:
        UsageError: no ONNX file; weights in other files; operators of a custom library; not one input of
            (batch, 3, side, side) floats; too large.
        EnvironmentFault: the package onnx is not installed, or the file cannot be opened.
    """
    data, where, proto = _checked(model)
    inputs = _photo_inputs(proto)
    if len(inputs) != 1 or not proto.graph.output:
        names = ", ".join(value.name for value in inputs) or "none"
        raise UsageError(
            "the model must have one input, the photo, and an output",
            where=where,
            cause=names,
            remedy="export the model with the photo as its only input",
        )
    batch, side = _sizes(inputs[0], where)
    return ModelFile(
        data,
        where,
        inputs[0].name,
        _DTYPES[inputs[0].type.tensor_type.elem_type],
        batch,
        side,
        tuple(value.name for value in proto.graph.output),
        tuple(_after_sigmoid(proto.graph, value.name) for value in proto.graph.output),
        *_own_words(proto),
    )


def _own_words(proto: Any) -> tuple[str, str]:
    """The declaration and the network that a file of ours names; empty in others."""
    words = {one.key: one.value for one in proto.metadata_props}
    return words.get(DECLARATION, ""), words.get(NETWORK, "") if DECLARATION in words else ""


def read_graph(model: bytes | Path, *, flag: str = "--weights") -> ModelGraph:
    """Read and check a model of any inputs; nothing is run.

    Args:
        model: its bytes or path.
        flag: the option that names it, for messages.

    Raises:
        UsageError: no ONNX file; weights in other files; operators of a custom library; too large.
        EnvironmentFault: the package onnx is not installed, or the file cannot be opened.
    """
    data, where, proto = _checked(model, flag)
    inputs = {}
    for value in _photo_inputs(proto):
        tensor = value.type.tensor_type
        inputs[value.name] = (
            int(tensor.elem_type),
            tuple(int(dimension.dim_value) for dimension in tensor.shape.dim),
        )
    return ModelGraph(data, where, inputs, tuple(value.name for value in proto.graph.output))


def _photo_inputs(proto: Any) -> list[Any]:
    given = {tensor.name for tensor in proto.graph.initializer}
    return [value for value in proto.graph.input if value.name not in given]


def _checked(model: bytes | Path, flag: str = "--weights") -> tuple[bytes, str, Any]:
    """A model's bytes, where it lies, and its message, which holds all that is needed to run it."""
    where = "" if isinstance(model, bytes) else str(model)
    data = model if isinstance(model, bytes) else _bytes(model, flag)
    proto = _parse(data, where)
    tensors = [tensor for graph in _graphs(proto) for tensor in _tensors(graph)]
    if any(tensor.data_location == _EXTERNAL for tensor in tensors):
        raise UsageError(
            "the model keeps weights in other files",
            where=where,
            cause="it was saved with external data",
            remedy="save it as one file: onnx.save(onnx.load(path), new_path, save_as_external_data=False)",
        )
    _require_standard_operators(proto, where)
    return data, where, proto


def _bytes(path: Path, flag: str) -> bytes:
    if not path.is_file():
        raise UsageError("there is no such model file", where=str(path), remedy=f"check {flag}")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise UsageError(
            f"the model is too large: {size:,} bytes, at most {MAX_BYTES:,}",
            where=str(path),
            remedy="convert it to float16, or take a smaller variant of the model",
        )
    try:
        return path.read_bytes()
    except PermissionError as error:
        raise EnvironmentFault(
            "the model cannot be read", where=str(path), cause=str(error), remedy="allow reading the file"
        ) from error


def require_onnx() -> None:
    """Make sure that models can be read.

    Raises:
        EnvironmentFault: the package onnx is not installed.
    """
    if importlib.util.find_spec("onnx") is None:
        raise EnvironmentFault("the package onnx is not installed", remedy="pip install 'maskgen[onnx]'")


def _parse(data: bytes, where: str) -> Any:
    require_onnx()
    onnx = importlib.import_module("onnx")
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"the model is too large: {len(data):,} bytes, at most {MAX_BYTES:,}",
            where=where,
            remedy="convert it to float16, or take a smaller variant of the model",
        )
    try:
        proto = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's errors differ between its versions
        raise _no_model(where) from error
    if not proto.graph.node:
        raise _no_model(where)
    return proto


def _no_model(where: str) -> UsageError:
    cause, remedy = other_method(Path(where), "onnx") if where else ("", "")
    return UsageError(
        "this is no ONNX model",
        where=where,
        cause=cause or "another kind of file, or a download that broke off",
        remedy=remedy or "download or export it again",
    )


def _graphs(proto: Any) -> Iterator[Any]:
    """The model's graph, the bodies of its functions, and every graph inside their nodes."""
    waiting = [proto.graph, *proto.functions]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                waiting += [attribute.g] if attribute.HasField("g") else []
                waiting += attribute.graphs


def _tensors(graph: Any) -> Iterator[Any]:
    yield from getattr(graph, "initializer", ())
    for sparse in getattr(graph, "sparse_initializer", ()):
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t


def _require_standard_operators(proto: Any, where: str) -> None:
    known = {*DOMAINS, *(function.domain for function in proto.functions)}
    strange = {
        f"{node.domain}::{node.op_type}"
        for graph in _graphs(proto)
        for node in graph.node
        if node.domain not in known
    }
    if strange:
        names = sorted(strange)
        raise UsageError(
            f"the model needs operators of a custom library: {', '.join(names[:3])}",
            where=where,
            cause=f"{len(names)} operators are not of the ONNX standard; maskgen loads no operator libraries",
            remedy="export the model with standard operators only",
        )


def _sizes(value: Any, where: str) -> tuple[int, int]:
    """(batch, side) of the input, 0 where it is free."""
    tensor = value.type.tensor_type
    sizes = [dimension.dim_value for dimension in tensor.shape.dim]
    named = [dimension.dim_value or dimension.dim_param or "?" for dimension in tensor.shape.dim]
    fits = len(sizes) == 4 and sizes[1] in (0, 3) and (sizes[2] == sizes[3] or 0 in sizes[2:])
    if not fits or tensor.elem_type not in _DTYPES:
        raise UsageError(
            "the model's input is not (batch, 3, side, side) of float32 or float16",
            where=where,
            cause=f"{value.name!r} is {tuple(named)} of data type {tensor.elem_type}",
            remedy="export it with channels first, a square input and normalization left out",
        )
    return sizes[0], max(sizes[2:])


def _after_sigmoid(graph: Any, name: str) -> bool:
    """Whether a sigmoid made this value, with nothing behind it that changes what it means."""
    made_by = {output: node for node in graph.node for output in node.output}
    seen: set[str] = set()
    while name in made_by and name not in seen:
        seen.add(name)
        node = made_by[name]
        if node.op_type == "Sigmoid":
            return True
        if node.op_type not in _SAME_VALUE:
            return False
        name = node.input[0]
    return False
