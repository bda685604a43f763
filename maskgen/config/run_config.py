"""The one description of a stage-one run, from which the command line, the file and the fingerprint are made."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .suggest import nearest

DATASETS = ("imagenet", "coco", "jft", "webdataset", "folder", "sample")
METHODS = ("rbd", "mr", "dsr", "mc", "vote", "u2net", "u2netp", "deepusps", "onnx", "box")
RUNTIMES = ("auto", "torch", "openvino", "onnxruntime")
PRECISIONS = ("auto", "fp32", "tf32", "fp16", "bf16", "mixed")
REFINEMENTS = ("auto", "crf", "guided", "vote", "none")
BACKGROUNDS = ("tiled", "telea", "none")
LAYOUTS = ("full", "sidecar")


def _option(
    default: Any,
    text: str,
    *,
    choices: tuple[str, ...] = (),
    result: bool = True,
    minimum: float | None = None,
    maximum: float = 10**12,
) -> Any:
    """A field with its help text, its choices, its bounds and whether it changes the output bytes."""
    metadata = {"help": text, "choices": choices, "result": result, "minimum": minimum, "maximum": maximum}
    if default is dataclasses.MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Options of `maskgen run`. A field's ``result`` flag says whether it changes the shards' bytes."""

    dataset: str = _option(dataclasses.MISSING, "Kind of source.", choices=DATASETS)
    input: str = _option("", "Folder or file that holds the source (not needed for `sample`).", result=False)
    output: str = _option(dataclasses.MISSING, "Folder for the shards.", result=False)
    method: str = _option(
        "vote", "Mask method (box: a centred box, to measure everything else).", choices=METHODS
    )
    weights: str = _option(
        "",
        "Checkpoint of a learned method, a path or an https:// address; its SHA-256 is part of the fingerprint.",
        result=False,
    )
    weights_sha256: str = _option(
        "", "SHA-256 that the checkpoint must have; needed for an address.", result=False
    )
    network: str = _option(
        "",
        "Input and output of an `onnx` model: a known name (u2net, isnet, birefnet, inspyrenet) or a TOML file.",
    )
    runtime: str = _option(
        "auto",
        "What runs a learned method (auto: torch on a GPU; else openvino, onnxruntime or torch, what is there).",
        choices=RUNTIMES,
    )
    precision: str = _option(
        "auto", "Arithmetic of a learned method (auto: fp16 on a GPU, fp32 on a CPU).", choices=PRECISIONS
    )
    force_precision: bool = _option(
        False, "Go on with a precision whose masks differ from fp32 (IoU below .99).", result=False
    )
    compile: bool = _option(False, "Compile a torch network with torch.compile (a minute at the start).")
    model_process: str = _option(
        "auto",
        "Run the network in one process per device, fed by the workers (auto: on a GPU), or in every worker.",
        choices=("auto", "on", "off"),
    )
    batch_size: int = _option(
        0, "Images per call of a learned method (0: 1 on a CPU, 32 on a GPU).", minimum=0, maximum=1024
    )
    refine: str = _option(
        "auto",
        "What moves the masks onto the photo's edges (auto: crf for vote, vote for deepusps, else none); "
        "vote: the training-free methods have a say.",
        choices=REFINEMENTS,
    )
    background: str = _option("tiled", "How the foreground is replaced.", choices=BACKGROUNDS)
    layout: str = _option("full", "full, or sidecar: the same without the photos.", choices=LAYOUTS)
    shard_size: int = _option(1000, "Planned samples per shard.", minimum=1)
    split: str = _option("train", "Split of the source: train or val.", choices=("train", "val"))
    labels: str = _option(
        "auto",
        "Labels of `folder`: from the first folder level, or none; auto gives none.",
        choices=("auto", "folder", "none"),
    )
    image_feature: str = _option("image/encoded", "TFRecord feature with the image bytes.")
    label_feature: str = _option("image/class/label", "TFRecord feature with the label.")
    name_feature: str = _option("image/filename", "TFRecord feature with the image's name.")
    limit: int = _option(0, "Take only the first N images (0: all).", minimum=0)
    short_side: int = _option(0, "Store photos resized to this short side, px (0: as they are).", minimum=0)
    mask_side: int = _option(0, "Store masks with this long side, px (0: the photo's size).", minimum=0)
    background_side: int = _option(
        0, "Store backgrounds with this short side, px (0: the photo's size).", minimum=0
    )
    background_store: str = _option(
        "full",
        "full: the whole background; patch: only the box that differs from the photo, pasted when read.",
        choices=("full", "patch"),
    )
    binary: bool = _option(False, "Store 1-bit masks instead of soft 8-bit ones.")
    threshold: float = _option(
        0.0, "Mask value from which a pixel is foreground (0: the method's own).", minimum=0, maximum=1
    )
    resize: str = _option(
        "antialias",
        "Resize kernel of u2net's and u2netp's input (official: that of the authors' own results).",
        choices=("antialias", "official"),
    )
    jpeg_quality: int = _option(95, "JPEG quality of re-encoded photos.", minimum=1, maximum=100)
    background_quality: int = _option(90, "JPEG quality of backgrounds.", minimum=1, maximum=100)
    max_bytes: int = _option(64 << 20, "Refuse image files above this many bytes.", minimum=1)
    max_pixels: int = _option(64_000_000, "Refuse images above this many pixels.", minimum=1)
    max_side: int = _option(32_768, "Refuse images with a side above this many pixels.", minimum=1)
    device: str = _option("cpu", "Device of the learned methods.", choices=("cpu", "cuda"))
    devices: str = _option(
        "0", "GPUs for --device cuda, by number: 0,1 runs one model process on each.", result=False
    )
    executor: str = _option(
        "local",
        "Where the shards are made: local, processes on this machine.",
        choices=("local",),
        result=False,
    )
    workers: int = _option(0, "Worker processes (0: one per core).", result=False, minimum=0)
    max_failures: str = _option(
        "1%", "Failure budget, a count or a share: above it the exit status is 1.", result=False
    )
    image_timeout: float = _option(
        120.0, "Seconds after which one image counts as hung.", result=False, minimum=0.1
    )

    def fingerprint_fields(self) -> dict[str, Any]:
        """The options that change the output bytes, by name."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.metadata["result"]}


def load_file(path: Path) -> dict[str, Any]:
    """Options from a TOML file, checked by name (dashes and underscores are equal).

    Raises:
        UsageError: the file cannot be read, or holds a name that is no option.
    """
    try:
        raw = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError("cannot read the configuration", where=str(path), cause=str(error)) from error
    known = [f.name for f in dataclasses.fields(RunConfig)]
    values = {}
    for name, value in raw.items():
        plain = name.replace("-", "_")
        if plain not in known:
            raise UsageError(f"unknown option {name!r}", where=str(path), remedy=nearest(plain, known))
        values[plain] = value
    return values


def make_config(values: dict[str, Any]) -> RunConfig:
    """A checked RunConfig.

    Raises:
        UsageError: an unknown name, a wrong type, a value outside its choices or below its bound.
    """
    known = {f.name: f for f in dataclasses.fields(RunConfig)}
    for name, value in values.items():
        if name not in known:
            raise UsageError(f"unknown option {name!r}", remedy=nearest(name, list(known)))
        _check(known[name], value)
    missing = [n for n, f in known.items() if f.default is dataclasses.MISSING and n not in values]
    if missing:
        raise UsageError(f"missing option --{missing[0].replace('_', '-')}")
    config = RunConfig(**values)
    if not config.output:
        raise UsageError("--output is empty", remedy="name the folder for the shards")
    parse_budget(config.max_failures)
    return config


_TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}


def _check(option: dataclasses.Field[Any], value: Any) -> None:
    name = "--" + option.name.replace("_", "-")
    wanted = _TYPES[str(option.type)]
    if not isinstance(value, wanted) or (isinstance(value, bool) and option.type != "bool"):
        raise UsageError(f"{name} takes a value of type {option.type}, got {value!r}")
    choices, minimum = option.metadata["choices"], option.metadata["minimum"]
    if choices and value not in choices:
        raise UsageError(f"{name} got {value!r}", remedy=nearest(str(value), list(choices)))
    if minimum is not None and not minimum <= value <= option.metadata["maximum"]:
        raise UsageError(f"{name} must be {minimum} to {option.metadata['maximum']}, got {value!r}")


def parse_budget(text: str) -> tuple[float, bool]:
    """A failure budget as (number, is_share): ``"1%"`` is (0.01, True), ``"20"`` is (20.0, False).

    Raises:
        UsageError: neither a count nor a percentage.
    """
    share = text.strip().endswith("%")
    try:
        number = float(text.strip().rstrip("%"))
    except ValueError:
        number = -1.0
    if not (0 <= number < float("inf")) or (share and number > 100):
        raise UsageError(
            f"--max-failures takes a count or a percentage, got {text!r}", remedy="for example 20 or 1%"
        )
    return (number / 100, True) if share else (number, False)
