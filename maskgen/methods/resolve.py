"""Which runtime runs a learned method, in which arithmetic, and the network ready to be called."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.suggest import nearest
from ..errors import EnvironmentFault, UsageError
from .networks.deepusps import method

if TYPE_CHECKING:
    from . import MethodOptions
    from .networks.network import Infer, NetworkInput

DEVICES = ("cpu", "cuda")
U2NET_PRECISIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("openvino", "cpu"): ("fp32", "bf16", "mixed"),
    ("onnxruntime", "cpu"): ("fp32",),
    ("torch", "cpu"): ("fp32", "bf16", "mixed"),
    ("torch", "cuda"): ("fp16", "fp32", "tf32", "bf16", "mixed"),
    ("onnxruntime", "cuda"): ("tf32", "fp32"),
}
"""What U²-Net can be run in, by runtime and device: the fastest runtime first, the default precision first."""
_EXTRAS = {"torch": "train", "onnxruntime": "onnx", "openvino": "openvino"}


def resolve_network(name: str, options: MethodOptions) -> MethodOptions:
    """The options with every ``auto`` decided.

    Runtime: the fastest installed one that does the precision (U²-Net-p on a CPU, measured: openvino, onnxruntime,
    torch). Precision: float16 for torch on a GPU, TF32 for ONNX Runtime on a GPU, float32 on a CPU. For `onnx`,
    `network` becomes the declaration itself, so that the run's fingerprint holds it.

    Args:
        name: a learned method of METHODS.
        options: as given by the user.

    Raises:
        UsageError: an unknown device, or options that contradict each other.
        EnvironmentFault: a runtime that is not installed; ``cuda`` without a GPU that the runtime can use.
    """
    kind = options.device.partition(":")[0]
    if kind not in DEVICES:
        raise UsageError(f"--device got {options.device!r}", remedy=nearest(kind, list(DEVICES)))
    if name != "onnx":
        if options.network:
            raise UsageError(f"--network is for --method onnx, not {name}")
        _require("torch", "learned methods need torch")
    known = {runtime: found for (runtime, device), found in _precisions(name).items() if device == kind}
    runtime = _runtime(name, options, known)
    precision = known[runtime][0] if options.precision == "auto" else options.precision
    if options.compile and runtime != "torch":
        raise UsageError(
            f"--compile is for torch, and {runtime} runs the network",
            remedy="add --runtime torch, or leave it out",
        )
    if kind == "cuda":
        _require_cuda(runtime)
    network = _declaration(options) if name == "onnx" else ""
    return dataclasses.replace(options, runtime=runtime, precision=precision, network=network)


def network_input(name: str, options: MethodOptions) -> NetworkInput:
    """How the photos of a learned method are prepared; no weights are loaded, and torch is not imported.

    Raises:
        UsageError: an unknown kernel, or a declaration that cannot be read or does not fit the model.
        EnvironmentFault: the package onnx is not installed (`onnx` alone).
    """
    if name == "deepusps":
        return method.deepusps_input(options)
    if name != "onnx":
        from .networks.u2net.method import u2net_input

        return u2net_input(options)
    from .networks.onnx.declaration import declared

    return declared(_declaration(options)).input


def load_network(name: str, options: MethodOptions) -> Infer:
    """A learned method's network with its weights, on its device.

    Args:
        name: a learned method of METHODS.
        options: resolved or not.

    Raises:
        UsageError: options that contradict each other; weights that are not the method's.
        EnvironmentFault: a package, a GPU or a kind of arithmetic that is not here.
    """
    options = resolve_network(name, options)
    if name == "deepusps":
        return method.load_deepusps(options)
    if name != "onnx":
        from .networks.u2net.method import load_u2net

        return load_u2net(name, options)
    from .networks.onnx.declaration import declared
    from .networks.onnx.session import onnx_infer
    from .networks.openvino import import_openvino

    if options.runtime == "openvino":
        import_openvino()  # here, so that no later import of it reports to anybody
    declaration = declared(options.network)
    return onnx_infer(
        Path(options.weights),
        declaration.input,
        declaration.output,
        runtime=options.runtime,
        device=options.device,
        precision=options.precision,
    )


def _precisions(name: str) -> dict[tuple[str, str], tuple[str, ...]]:
    if name == "deepusps":
        return method.PRECISIONS
    if name != "onnx":
        return U2NET_PRECISIONS
    from .networks.onnx.session import PRECISIONS

    return PRECISIONS


def _runtime(name: str, options: MethodOptions, known: dict[str, tuple[str, ...]]) -> str:
    """The runtime asked for, or the first installed one that does the precision."""
    asked = options.precision
    able = [runtime for runtime, found in known.items() if asked in ("auto", *found)]
    if options.runtime != "auto" and options.runtime not in known:
        raise UsageError(
            f"--method {name} is not run by {options.runtime} on {options.device}",
            remedy=f"--runtime {' or '.join(known)}",
        )
    if not able or options.runtime not in ("auto", *able):
        here = [options.runtime] if options.runtime != "auto" else list(known)
        offered = dict.fromkeys(precision for runtime in here for precision in known[runtime])
        raise UsageError(
            f"--precision {asked} is not to be had from {' or '.join(here)} on {options.device} for --method {name}",
            remedy=f"--precision {' or '.join(offered)}",
        )
    if options.runtime != "auto":
        _require(options.runtime, f"{options.runtime} is not installed")
        return options.runtime
    installed = [runtime for runtime in able if _is_installed(runtime)]
    if not installed:
        _require(able[0], f"none of {', '.join(able)} is installed")
    return installed[0]


def _is_installed(runtime: str) -> bool:
    """Whether a runtime can be imported; ONNX Runtime is fed with models that the package onnx makes or reads."""
    packages = ("onnxruntime", "onnx") if runtime == "onnxruntime" else (runtime,)
    return all(importlib.util.find_spec(package) is not None for package in packages)


def _require(runtime: str, words: str) -> None:
    if not _is_installed(runtime):
        raise EnvironmentFault(words, remedy=f"pip install 'maskgen[{_EXTRAS[runtime]}]'")


def _require_cuda(runtime: str) -> None:
    module = importlib.import_module(runtime)
    if runtime == "torch" and not module.cuda.is_available():
        raise EnvironmentFault(
            "--device cuda was asked for and torch sees no GPU",
            cause="no NVIDIA driver, or a torch without CUDA",
            remedy="run `maskgen doctor`, or give --device cpu",
        )
    if runtime == "onnxruntime" and "CUDAExecutionProvider" not in module.get_available_providers():
        raise EnvironmentFault(
            "--device cuda was asked for and onnxruntime has no CUDA",
            cause="the installed onnxruntime is the one for CPUs",
            remedy="pip install onnxruntime-gpu in place of onnxruntime, or give --device cpu",
        )


def _declaration(options: MethodOptions) -> str:
    """The declared input and output of an ONNX model as one line of JSON, fitted to the model."""
    if options.network.startswith("{"):
        return options.network
    from .networks.onnx.declaration import declared, fitted

    declaration = declared(options.network)
    if not options.weights:
        raise UsageError("--method onnx needs its model", remedy="give the .onnx file's path with --weights")
    return fitted(declaration, Path(options.weights)).render()
