"""Which runtime runs a learned method, in which arithmetic, and the network ready to be called."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from typing import TYPE_CHECKING

from ..config.suggest import nearest
from ..errors import EnvironmentFault, UsageError
from .registry import METHODS

if TYPE_CHECKING:
    from .network import Infer, NetworkInput
    from .spec import MethodOptions, NetworkSpec

DEVICES = ("cpu", "cuda")
_EXTRAS = {"torch": "train", "openvino": "openvino"}


def network_of(name: str, weights: str = "") -> NetworkSpec:
    """The network of a learned method.

    Args:
        name: of the method.
        weights: path of its weights; an ONNX file of some networks is run in another way.

    Raises:
        UsageError: no such method, or one without a network.

    Example:
        >>> from maskgen.methods.resolve import network_of
        >>> network_of("u2netp").precisions["torch", "cpu"]
        ('fp32', 'bf16', 'mixed')
    """
    learned = [one for one, spec in METHODS.items() if spec.network]
    spec = METHODS[name].network if name in METHODS else None
    if spec is None:
        raise UsageError(f"{name!r} is no learned method", remedy=nearest(name, learned))
    return spec.onnx if spec.onnx and weights.endswith(".onnx") else spec


def resolve_network(name: str, options: MethodOptions) -> MethodOptions:
    """The options with every ``auto`` decided.

    Runtime: the first installed one of the network's order that does the precision; that is the fastest
    (U²-Net-p on a CPU, measured: openvino, onnxruntime, torch), or for students the one of the base.
    Precision: float16 for torch on a GPU, TF32 for ONNX Runtime on a GPU, float32 on a CPU. For `onnx`,
    `network` becomes the declaration itself, so that the run's fingerprint holds it.

    Args:
        name: a learned method of METHODS.
        options: as given by the user.

    Raises:
        UsageError: no learned method, an unknown device, or options that contradict each other.
        EnvironmentFault: a runtime that is not installed; ``cuda`` without a GPU that the runtime can use.

    Example:
        >>> from maskgen.methods.resolve import resolve_network
        >>> from maskgen.methods import MethodOptions
        >>> resolve_network("u2netp", MethodOptions(runtime="torch")).precision
        'fp32'
    """
    options = choose_runtime(name, options)
    declare = network_of(name, options.weights).declare
    return dataclasses.replace(options, network=declare(options)) if declare else options


def choose_runtime(name: str, options: MethodOptions) -> MethodOptions:
    """The options with runtime and precision decided, as `resolve_network`; no file is read.

    Raises:
        UsageError: no learned method, an unknown device, or options that contradict each other.
        EnvironmentFault: a runtime that is not installed; ``cuda`` without a GPU that the runtime can use.

    Example:
        >>> from maskgen.methods.resolve import choose_runtime
        >>> from maskgen.methods import MethodOptions
        >>> choose_runtime("u2netp", MethodOptions(runtime="torch", precision="bf16")).precision
        'bf16'
    """
    kind = options.device.partition(":")[0]
    if kind not in DEVICES:
        raise UsageError(f"--device got {options.device!r}", remedy=nearest(kind, list(DEVICES)))
    spec = network_of(name, options.weights)
    if options.network and spec.declare is None:
        raise UsageError(f"--network is for --method onnx, not {name}", remedy="leave it out")
    for package in spec.packages:
        _require(package, f"learned methods need {package}")
    known = {runtime: found for (runtime, device), found in spec.precisions.items() if device == kind}
    runtime = _runtime(name, options, known)
    precision = known[runtime][0] if options.precision == "auto" else options.precision
    if options.compile and runtime != "torch":
        raise UsageError(
            f"--compile is for torch, and {runtime} runs the network",
            remedy="add --runtime torch, or leave it out",
        )
    if kind == "cuda":
        _require_cuda(runtime)
    return dataclasses.replace(options, runtime=runtime, precision=precision)


def network_input(name: str, options: MethodOptions) -> NetworkInput:
    """How the photos of a learned method are prepared; no weights are loaded, and torch is not imported.

    Raises:
        UsageError: an unknown kernel, or a declaration that cannot be read or does not fit the model.
        EnvironmentFault: the package onnx is not installed (`onnx` alone).

    Example:
        >>> from maskgen.methods.resolve import network_input
        >>> from maskgen.methods import MethodOptions
        >>> network_input("u2netp", MethodOptions()).side
        320
    """
    return network_of(name, options.weights).input(options)


def load_network(name: str, options: MethodOptions) -> Infer:
    """A learned method's network with its weights, on its device.

    Args:
        name: a learned method of METHODS.
        options: resolved or not.

    Raises:
        UsageError: options that contradict each other; weights that are not the method's.
        EnvironmentFault: a package, a GPU or a kind of arithmetic that is not here.
    """
    return network_of(name, options.weights).load(resolve_network(name, options))


def how_to_install(package: str) -> str:
    """The line that installs a package: an extra of maskgen, or the package itself where the base has it.

    Example:
        >>> from maskgen.methods.resolve import how_to_install
        >>> how_to_install("torch"), how_to_install("onnxruntime")
        ("pip install 'maskgen[train]'", 'pip install onnxruntime')
    """
    return f"pip install 'maskgen[{_EXTRAS[package]}]'" if package in _EXTRAS else f"pip install {package}"


def _runtime(name: str, options: MethodOptions, known: dict[str, tuple[str, ...]]) -> str:
    """The runtime asked for, or the first installed one that does the precision."""
    asked = options.precision
    able = [runtime for runtime, found in known.items() if asked in ("auto", *found)]
    if options.runtime != "auto" and options.runtime not in known:
        raise UsageError(
            f"--method {name} is not run by {options.runtime} on {options.device}",
            cause="its weights are an ONNX file" if options.weights.endswith(".onnx") else "",
            remedy=f"--runtime {' or '.join(known)}",
        )
    if not able or options.runtime not in ("auto", *able):
        here = [options.runtime] if options.runtime != "auto" else list(known)
        offered = dict.fromkeys(precision for runtime in here for precision in known[runtime])
        raise UsageError(
            f"--precision {asked} is not to be had from {' or '.join(here)} on {options.device} for "
            f"--method {name}",
            cause="its weights are an ONNX file" if options.weights.endswith(".onnx") else "",
            remedy=f"--precision {' or '.join(offered)}",
        )
    if options.runtime != "auto":
        _require(options.runtime, f"{options.runtime} is not installed")
        return options.runtime
    installed = [runtime for runtime in able if _is_installed(runtime)]
    if not installed:
        usual = "onnxruntime" if "onnxruntime" in able else able[0]  # which the base brings
        _require(usual, f"none of {', '.join(able)} is installed")
    return installed[0]


def _is_installed(runtime: str) -> bool:
    """Whether a runtime can be imported."""
    return importlib.util.find_spec(runtime) is not None


def _require(runtime: str, words: str) -> None:
    if not _is_installed(runtime):
        raise EnvironmentFault(words, remedy=how_to_install(runtime))


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
