"""The options of a stage-one run: those given on the command line over those of a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..config.options import ExistingFile, option
from ..config.run_config import RunConfig, load_file, make_config
from .options import given

_OF_NETWORKS = (
    "weights",
    "weights_sha256",
    "accept_license",
    "network",
    "runtime",
    "precision",
    "force_precision",
    "compile",
    "model_process",
    "batch_size",
    "resize",
    "device",
    "devices",
)
_OF_BACKGROUNDS = ("background_side", "background_store", "background_quality")
_OF_INPAINTING = ("background_weights", "background_network", "background_runtime")
_OF_TFRECORDS = ("image_feature", "label_feature", "name_feature", "verify_source")


@dataclass(frozen=True, kw_only=True)
class ConfigOptions:
    """Options of every command that takes the options of `maskgen run`.

    Args:
        given: options of `RunConfig` by name, those that were given.
        config: TOML file of options.
    """

    given: dict[str, Any] = given(RunConfig)
    config: ExistingFile | None = option(None, "TOML file of options.")

    def resolve(self, *, defaults: Mapping[str, Any] = MappingProxyType({}), **changes: Any) -> RunConfig:
        """The configuration: the command line over the file.

        Args:
            defaults: values that stand under both.
            changes: values that stand over both.

        Raises:
            UsageError: an unknown, missing or wrong value.
        """
        read = load_file(self.config) if self.config else {}
        return make_config({**defaults, **read, **self.given, **changes})


def find_unused(config: RunConfig) -> Iterator[str]:
    """A sentence for each kind of option that was given and that this run does not use."""
    from ..methods import METHODS

    fields = dataclasses.fields(RunConfig)
    given = {one.name for one in fields if getattr(config, one.name) != one.default}
    rules = (
        (METHODS[config.method].network, _OF_NETWORKS, f"{config.method} has no network"),
        (config.method == "files", ("masks", "missing"), f"{config.method} makes the masks"),
        (config.method == "onnx", ("network",), "it describes an onnx model"),
        (config.device == "cuda", ("devices",), "the device is the CPU"),
        (config.executor == "local", ("devices",), "each node has the GPUs that Ray knows of"),
        (config.executor == "ray", ("ray_address",), "the executor is not ray"),
        (config.background != "none", _OF_BACKGROUNDS, "no backgrounds are made"),
        (config.background == "onnx", _OF_INPAINTING, "the background is no onnx model"),
        (config.sample, ("seed", "sample_by", "pareto_alpha"), "no sample is drawn"),
        (config.sample_by == "pareto", ("pareto_alpha",), "the sample is not drawn by pareto"),
        (config.layout == "full", ("photo_format",), "no photos are stored"),
        (config.dataset == "folder", ("labels",), "the data set is no folder"),
        (config.dataset == "jft", _OF_TFRECORDS, "the data set is not jft"),
    )
    for used, names, why in rules:
        unused = [] if used else [name for name in names if name in given]
        given -= set(unused)
        if unused:
            flags = ", ".join("--" + name.replace("_", "-") for name in unused)
            yield f"{flags}: no effect, {why}"
