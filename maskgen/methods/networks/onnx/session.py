"""ONNX models run by ONNX Runtime or OpenVINO, on the device and in the arithmetic that were asked for."""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maskgen.config.suggest import nearest
from maskgen.errors import EnvironmentFault, UsageError

from ..openvino import bind_output, compile_model, openvino_core
from .arrays import OnnxNetwork
from .declaration import Declaration, NetworkOutput, fit_declaration
from .file import ModelFile, ModelGraph, read_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from maskgen.methods.network import Infer, NetworkInput, Run

PRECISIONS = {
    ("openvino", "cpu"): ("fp32", "bf16", "fp16"),
    ("onnxruntime", "cpu"): ("fp32",),
    ("onnxruntime", "cuda"): ("fp32", "tf32"),
}
"""What each runtime can be held to, by device: the faster runtime first, the default first."""


def onnx_infer(
    model: bytes | Path | ModelFile,
    input: NetworkInput,  # noqa: A002 - the contract's name
    output: NetworkOutput,
    *,
    runtime: str,
    device: str = "cpu",
    precision: str = "fp32",
) -> Infer:
    """Load a model.

    One thread when OMP_NUM_THREADS is 1, the runtime's own choice otherwise. Nothing falls back: a missing
    package, GPU or kind of arithmetic is an error. OpenVINO would choose bfloat16 by itself on CPUs that have
    it, which moves U²-Net-p's masks (mean IoU .96 with float32), so its arithmetic is always set.

    Args:
        model: the file's bytes or path, or what `read_model` made of them.
        input: how photos were prepared; its side must be the model's.
        output: which output is the map, and what is still to be done to it.
        runtime: ``onnxruntime`` or ``openvino``.
        device: ``cpu``, ``cuda`` or one GPU as ``cuda:1`` (onnxruntime only).
        precision: one of `PRECISIONS`.

    Raises:
        UsageError: a model or combination that cannot be run.
        EnvironmentFault: a package, GPU or arithmetic that is not here.
    """
    file = model if isinstance(model, ModelFile) else read_model(model)
    input = fit_declaration(Declaration(input, output), file).input  # noqa: A001
    kind = device.partition(":")[0]
    batch = file.batch or (0 if kind == "cuda" else 1)  # on a CPU one at a time is as fast, in less memory
    shape = (batch or 1, 3, input.side, input.side)
    run = model_runner(file, runtime, shape, output.output, device=device, precision=precision)
    return OnnxNetwork(run, input, output, file.dtype, batch)


def model_runner(
    file: ModelFile,
    runtime: str,
    shape: tuple[int, ...],
    output: int | str = 0,
    *,
    device: str = "cpu",
    precision: str = "fp32",
) -> Run:
    """One output of a model as a function of its input, (N, 3, S, S) of the model's type.

    Args:
        file: the model.
        runtime: ``onnxruntime`` or ``openvino``.
        shape: of the input; OpenVINO compiles for it alone.
        output: which output, by index or name.
        device: as `onnx_infer`.
        precision: as `onnx_infer`.

    Raises:
        UsageError: a model or combination that cannot be run.
        EnvironmentFault: a package, GPU or arithmetic that is not here.
    """
    index = file.output_index(output)
    graph = ModelGraph(file.data, file.where, {file.input: (0, ())}, file.outputs)
    return graph_runner(
        graph, runtime, {file.input: shape}, file.outputs[index], device=device, precision=precision
    )


def graph_runner(
    graph: ModelGraph,
    runtime: str,
    shapes: Mapping[str, tuple[int, ...]],
    output: str,
    *,
    device: str = "cpu",
    precision: str = "fp32",
) -> Run:
    """One output of a model as a function of its inputs.

    Args:
        graph: the model.
        runtime: ``onnxruntime`` or ``openvino``.
        shapes: of the inputs by name, in the order in which the function takes them.
        output: name of the output.
        device: as `onnx_infer`.
        precision: as `onnx_infer`.

    Raises:
        UsageError: a model or combination that cannot be run.
        EnvironmentFault: a package, GPU or arithmetic that is not here.
    """
    _check(runtime, device.partition(":")[0], precision)
    try:
        if runtime == "openvino":
            return _openvino(graph, shapes, output, precision)
        return _onnxruntime(graph, list(shapes), output, device, precision)
    except (UsageError, EnvironmentFault):
        raise
    except Exception as error:
        cause = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise UsageError(
            f"{runtime} cannot load the model",
            where=graph.where,
            cause=cause,
            remedy="another --runtime may, or export the model again with an older opset",
        ) from error


def _check(runtime: str, kind: str, precision: str) -> None:
    runtimes = sorted({name for name, _ in PRECISIONS})
    if runtime not in runtimes:
        raise UsageError(f"an ONNX model is not run by {runtime!r}", remedy=nearest(runtime, runtimes))
    if (runtime, kind) not in PRECISIONS:
        remedy = "--runtime onnxruntime" if kind == "cuda" else "--device cpu or cuda"
        raise UsageError(f"{runtime} does not run on {kind!r} here", remedy=remedy)
    known = PRECISIONS[runtime, kind]
    if precision not in known:
        raise UsageError(
            f"{runtime} on {kind} cannot be held to {precision} with an ONNX model",
            cause="ONNX Runtime computes in the type that the file holds" if runtime == "onnxruntime" else "",
            remedy=f"--precision {' or '.join(known)}",
        )
    if importlib.util.find_spec(runtime) is None:
        remedy = "pip install 'maskgen[openvino]'" if runtime == "openvino" else f"pip install {runtime}"
        raise EnvironmentFault(f"{runtime} is not installed", remedy=remedy)


def _single_thread() -> bool:
    return os.environ.get("OMP_NUM_THREADS") == "1"


def _onnxruntime(graph: ModelGraph, names: list[str], output: str, device: str, precision: str) -> Run:
    ort = importlib.import_module("onnxruntime")
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if _single_thread():
        options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(graph.data, options, providers=_providers(ort, device, precision))
    if device != "cpu":
        session.disable_fallback()
        if session.get_providers()[0] != "CUDAExecutionProvider":
            raise _no_cuda("its libraries for CUDA and cuDNN could not be loaded")

    def run(*arrays: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(session.run([output], dict(zip(names, arrays, strict=True)))[0])

    return run


def _providers(ort: Any, device: str, precision: str) -> list[Any]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise _no_cuda("the installed onnxruntime is the one for CPUs")
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()  # finds the CUDA libraries that torch's wheel brought
    settings = {
        "device_id": device.partition(":")[2] or "0",
        "use_tf32": str(int(precision == "tf32")),
        "cudnn_conv_algo_search": "HEURISTIC",  # timing would choose anew in every process
    }
    return [("CUDAExecutionProvider", settings), "CPUExecutionProvider"]


def _no_cuda(cause: str) -> EnvironmentFault:
    return EnvironmentFault(
        "--device cuda was asked for and onnxruntime has no CUDA",
        cause=cause,
        remedy="pip install onnxruntime-gpu in place of onnxruntime, or give --device cpu",
    )


def _openvino(graph: ModelGraph, shapes: Mapping[str, tuple[int, ...]], output: str, precision: str) -> Run:
    model = openvino_core().read_model(graph.data)
    model.reshape({model.input(name): list(shape) for name, shape in shapes.items()})
    return bind_output(compile_model(model, precision), graph.outputs.index(output), tuple(shapes))
