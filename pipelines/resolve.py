"""From what the user wrote to a run with nothing left open.

Runtime, precision, weights, libraries, threshold.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskgen.config.run_config import RunConfig
from maskgen.errors import EnvironmentFault, UsageError
from maskgen.io.atomic import file_sha256
from maskgen.io.download import Progress
from maskgen.methods import METHODS, MethodOptions, network_input, resolve_network
from maskgen.methods.networks.inpainting.model import InpaintingOptions, resolve_inpainting
from maskgen.methods.networks.known import known_by_sha256
from maskgen.methods.refine.registry import REFINEMENT_LIBRARIES
from maskgen.methods.resolve import how_to_install, network_of
from maskgen.shards.naming import written_format
from maskgen.version import __version__

from .weights import find_weights

if TYPE_CHECKING:
    from .given.look import GivenMasks

_NETWORK_OPTIONS = (
    "network",
    "runtime",
    "precision",
    "compile",
    "batch_size",
    "model_process",
    "resize",
    "device",
)
OF_THE_METHOD = (
    *("versions", "weights", "weights_sha256"),
    *(f"options.{name}" for name in (*_NETWORK_OPTIONS, "threshold")),
)
"""What of a run's identity another method changes by itself."""
_INPAINTING = ("background_weights", "background_network", "background_runtime")
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(RunConfig)}
_ALWAYS = ("numpy", "opencv-python-headless", "pillow", "pyarrow", "simplejpeg")
_GPU_BATCH = 32
"""Photos per call of a model process, at `_GPU_SIDE_PX`; of larger inputs as many as have as many pixels."""
_GPU_SIDE_PX = 320


@dataclass(frozen=True, slots=True)
class ResolvedConfig:
    """A run's configuration with everything decided.

    `resolve` makes it; planning, workers and benches take it.

    Args:
        options: the user's, with every ``auto`` and 0 that stands for a choice replaced by what was chosen.
        method: what the mask method is given.
        versions: of the distributions that shape the output, by name.
        weights_sha256: of the checkpoint; empty for a method without one.
        devices: what the network runs on, as torch names them; ``("cpu",)`` for a method without one.
        model_process: whether the network runs in processes of its own, one per device.
        inpainting: of ``--background onnx``, with its runtime named and its declaration fitted.
        inpainting_sha256: of its model; empty without one.
        masks: those of ``--method files``.
    """

    options: RunConfig
    method: MethodOptions
    versions: dict[str, str]
    weights_sha256: str = ""
    devices: tuple[str, ...] = ("cpu",)
    model_process: bool = False
    inpainting: InpaintingOptions | None = None
    inpainting_sha256: str = ""
    masks: GivenMasks | None = None

    @property
    def is_learned(self) -> bool:
        """Whether the method is a network."""
        return METHODS[self.options.method].network is not None

    def method_on(self, device: str) -> MethodOptions:
        """What the method is given on one device, as ``cuda:1``."""
        return dataclasses.replace(self.method, device=device)

    def identity(self, plan_digest: str) -> dict[str, Any]:
        """Everything that a shard's bytes depend on, as plain JSON.

        Args:
            plan_digest: of the planned images.
        """
        facts = {
            "format": written_format(self.options.members),
            "options": self.options.fingerprint_fields(),
            "versions": self.versions,
            "weights_sha256": self.weights_sha256,
            "plan": plan_digest,
        }
        if found := known_by_sha256(self.weights_sha256):
            name, known = found
            facts["weights"] = {"name": name, "license": known.license, "terms": known.terms}
        if self.masks:
            facts["masks"] = self.masks.identity
        return {**facts, "background_sha256": self.inpainting_sha256} if self.inpainting else facts


def resolve(config: RunConfig, progress: Progress | None = None) -> ResolvedConfig:
    """Decide everything that was left open, and fetch weights that are not here.

    Args:
        config: as the user wrote it.
        progress: told how far a download of weights is.

    Raises:
        UsageError: options that contradict each other; `devices` is no list of numbers; no weights, or those
            whose license has to be accepted.
        EnvironmentFault: a package, the runtime or the GPU is not there; a download that failed.

    Example:
        >>> from maskgen.config.run_config import make_config
        >>> config = resolve(make_config({"dataset": "sample", "output": "shards", "method": "mr"}))
        >>> config.options.threshold, config.devices, config.is_learned
        (0.3, ('cpu',), False)
    """
    if config.background != "onnx":
        config = dataclasses.replace(config, **{name: _DEFAULTS[name] for name in _INPAINTING})
        return _resolve_method(config, progress)
    wanted = InpaintingOptions(
        config.background_weights, config.background_network, config.background_runtime
    )
    found = resolve_inpainting(wanted)
    config = dataclasses.replace(config, background_network=found.network, background_runtime=found.runtime)
    resolved = _resolve_method(config, progress)
    version = {found.runtime: _version(found.runtime)}
    return dataclasses.replace(
        resolved,
        versions={**resolved.versions, **version},
        inpainting=found,
        inpainting_sha256=file_sha256(Path(found.weights)),
    )


def _resolve_method(config: RunConfig, progress: Progress | None) -> ResolvedConfig:
    spec = METHODS[config.method]
    masks = _look_at(config.masks) if spec.looks_up else None
    usual = masks.threshold if masks else spec.threshold
    config = dataclasses.replace(config, threshold=config.threshold or usual)
    if config.layout == "sidecar":
        config = dataclasses.replace(config, photo_format=_DEFAULTS["photo_format"])
    elif config.dataset == "sample" and config.photo_format == "auto":
        config = dataclasses.replace(config, photo_format="jpg")  # it has photos of both kinds
    unused = _unused_draw_options(config)
    config = dataclasses.replace(config, **{name: _DEFAULTS[name] for name in unused})
    if not spec.network:  # what a method ignores is no part of the run's fingerprint
        config = dataclasses.replace(config, **{name: _DEFAULTS[name] for name in _NETWORK_OPTIONS})
        return ResolvedConfig(config, _method_options(config), library_versions(config), masks=masks)
    weights = find_weights(
        config.method,
        _method_options(config),
        config.weights_sha256,
        accept_license=config.accept_license,
        progress=progress,
    )
    config = dataclasses.replace(config, weights=str(weights.path))
    method = resolve_network(config.method, _method_options(config))
    mode = config.model_process
    if mode == "auto":
        mode = "on" if config.device == "cuda" else "off"
    config = dataclasses.replace(
        config,
        runtime=method.runtime,
        precision=method.precision,
        network=method.network,
        model_process=mode,
        batch_size=config.batch_size or (_usual_batch(config.method, method) if mode == "on" else 1),
    )
    return ResolvedConfig(
        config, method, library_versions(config), weights.sha256, devices_of(config), mode == "on"
    )


def _look_at(place: str) -> GivenMasks:
    from .given.look import look_at  # it brings what reads shards

    return look_at(place)


def _usual_batch(name: str, options: MethodOptions) -> int:
    """Photos per call of a model process: 32 at 320 px, 3 at 1024 px, which have as many pixels."""
    return min(_GPU_BATCH, max(1, _GPU_BATCH * _GPU_SIDE_PX**2 // network_input(name, options).side ** 2))


def _unused_draw_options(config: RunConfig) -> tuple[str, ...]:
    """What a sample is drawn by, where none is, or not so: no part of the run's fingerprint."""
    if not config.sample:
        return ("sample_by", "pareto_alpha", "seed")
    return () if config.sample_by == "pareto" else ("pareto_alpha",)


def _method_options(config: RunConfig) -> MethodOptions:
    return MethodOptions(
        weights=config.weights,
        resize=config.resize,
        device=config.device,
        refine=config.refine,
        runtime=config.runtime,
        precision=config.precision,
        network=config.network,
        compile=config.compile,
    )


def devices_of(config: RunConfig) -> tuple[str, ...]:
    """The devices of a run, as torch names them.

    Raises:
        UsageError: `devices` is no list of different numbers.
    """
    if config.device == "cpu":
        return ("cpu",)
    numbers = config.devices.split(",")
    if not all(number.strip().isdigit() for number in numbers) or len(set(numbers)) < len(numbers):
        raise UsageError(
            f"--devices takes GPU numbers such as 0,1, got {config.devices!r}",
            remedy="nvidia-smi -L lists them",
        )
    return tuple(f"cuda:{int(number)}" for number in numbers)


def library_versions(config: RunConfig) -> dict[str, str]:
    """Versions of the distributions that shape the output.

    Args:
        config: with its runtime decided.

    Raises:
        EnvironmentFault: one that the method needs is not installed.
    """
    spec = METHODS[config.method]
    names = {*_ALWAYS, *spec.libraries, *REFINEMENT_LIBRARIES.get(spec.refinement(config.refine), ())}
    if spec.network:
        names |= {config.runtime, *network_of(config.method, config.weights).packages}
    found = {"maskgen": __version__}
    for name in sorted(names):
        try:
            found[name] = _version(name)
        except metadata.PackageNotFoundError as error:
            raise EnvironmentFault(
                f"--method {config.method} needs the package {name}",
                remedy=how_to_install(name),
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
