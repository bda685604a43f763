"""What the bytes of the shards depend on: options, library versions, weights."""

from __future__ import annotations

import dataclasses
from importlib import metadata
from pathlib import Path
from typing import Any

from maskgen import __version__
from maskgen.config.run_config import RunConfig
from maskgen.errors import EnvironmentFault, UsageError
from maskgen.io.atomic import file_sha256
from maskgen.io.download import weights_file
from maskgen.methods import METHODS, MethodOptions, resolve_network
from maskgen.methods.refine.registry import REFINEMENT_LIBRARIES

_NETWORK_OPTIONS = (
    "network", "runtime", "precision", "compile", "batch_size", "model_process", "resize", "device",
)  # fmt: skip
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(RunConfig)}
_EXTRAS = {"onnxruntime": "onnx", "openvino": "openvino"}
_ALWAYS = ("numpy", "opencv-python-headless", "pillow", "pyarrow")


def method_options(config: RunConfig, device: str = "") -> MethodOptions:
    """What the method is given; `device` names one GPU (``cuda:1``)."""
    return MethodOptions(
        weights=config.weights,
        resize=config.resize,
        device=device or config.device,
        refine=config.refine,
        runtime=config.runtime,
        precision=config.precision,
        network=config.network,
        compile=config.compile,
    )


def resolve(config: RunConfig) -> RunConfig:
    """The configuration with everything that was left open decided: threshold, runtime, precision, batch size.

    Raises:
        UsageError: options that contradict each other.
        EnvironmentFault: the runtime or the GPU is not there.
    """
    spec = METHODS[config.method]
    config = dataclasses.replace(config, threshold=config.threshold or spec.threshold)
    if not spec.network:  # what a method ignores is no part of the run's fingerprint
        plain = {name: _DEFAULTS[name] for name in _NETWORK_OPTIONS}
        return dataclasses.replace(config, **plain)
    weights = config.weights or spec.released
    if not weights:
        raise UsageError(
            f"--method {config.method} needs --weights FILE",
            remedy="docs/how-to/networks.md says where to get them",
        )
    config = dataclasses.replace(config, weights=str(weights_file(weights, config.weights_sha256)))
    on_gpu = config.device == "cuda"
    chosen = resolve_network(config.method, method_options(config))
    mode = config.model_process
    if mode == "auto":
        mode = "on" if on_gpu else "off"
    return dataclasses.replace(
        config,
        runtime=chosen.runtime,
        precision=chosen.precision,
        network=chosen.network,
        model_process=mode,
        batch_size=config.batch_size or (32 if mode == "on" else 1),
    )


def versions(config: RunConfig) -> dict[str, str]:
    """Versions of the distributions that shape the output.

    Raises:
        EnvironmentFault: one that the method needs is not installed.
    """
    spec = METHODS[config.method]
    names = {*_ALWAYS, *spec.libraries, *REFINEMENT_LIBRARIES.get(spec.refinement(config.refine), ())}
    if spec.network:
        names.add(config.runtime)
    found = {"maskgen": __version__}
    for name in sorted(names):
        try:
            found[name] = _version(name)
        except metadata.PackageNotFoundError as error:
            raise EnvironmentFault(
                f"--method {config.method} needs the package {name}",
                remedy=f'pip install "maskgen[{_EXTRAS.get(name, "train")}]"',
            ) from error
    return found


def _version(name: str) -> str:
    """Of an installed distribution; ONNX Runtime's build for GPUs has a name of its own."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        if name != "onnxruntime":
            raise
        return metadata.version("onnxruntime-gpu")


def identity(config: RunConfig, plan_digest: str) -> dict[str, Any]:
    """Everything that a shard's bytes depend on, as plain JSON.

    Args:
        config: resolved.
        plan_digest: of the planned images.

    Raises:
        EnvironmentFault: a package is not installed.
    """
    return {
        "options": config.fingerprint_fields(),
        "versions": versions(config),
        "weights_sha256": file_sha256(Path(config.weights)) if METHODS[config.method].network else "",
        "plan": plan_digest,
    }
