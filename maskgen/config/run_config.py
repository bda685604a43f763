"""The one description of a stage-one run: command line, file and fingerprint are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .bounds import at_least, between
from .options import known_name, option, options_of, read_toml

DATASETS = ("imagenet", "coco", "jft", "webdataset", "folder", "sample")
METHODS = (
    *("rbd", "mr", "dsr", "mc", "vote", "deepvote"),
    *("u2net", "u2netp", "u2net-human", "silueta", "isnet", "birefnet", "birefnet-lite", "birefnet-portrait"),
    *("inspyrenet", "rmbg-1.4", "rmbg-2.0"),
    *("deepusps", "fast", "free", "student", "tokencut", "found", "onnx", "box", "files"),
)
RUNTIMES = ("auto", "torch", "openvino", "onnxruntime")
PRECISIONS = ("auto", "fp32", "tf32", "fp16", "bf16", "mixed")
REFINEMENTS = ("auto", "crf", "guided", "vote", "none")
BACKGROUNDS = ("tiled", "telea", "onnx", "none")
BACKGROUND_VERSIONS = {"tiled": 2}
"""Of backgrounds that are made in another way than once; 1 is that of all others."""
CONFIDENCE_VERSION = 3
"""Of the curves of `shards.confidence`; one more with each curve that is added or mended there."""
LEAN_MASK_VERSION = 3
"""Of how lean masks are made and packed: 2 packs the same pixels as 1, 3 has others."""
LAYOUTS = ("full", "sidecar")
MEMBER_SETS = ("full", "lean")
SAMPLE_BY = ("images", "classes", "pareto")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Options of `maskgen run`. A field's ``result`` flag says whether it changes the shards' bytes."""

    dataset: str = option(MISSING, "Kind of source.", group="source", choices=DATASETS)
    input: str = option(
        "",
        "Folder or file that holds the source, or its address in an object store (not needed for `sample`).",
        group="source",
        result=False,
    )
    output: str = option(
        MISSING,
        "Folder for the shards, or an address in an object store: s3://bucket/prefix, gs://... or az://...",
        group="output",
        result=False,
    )
    method: str = option(
        "fast",
        "Mask method (fast: a small network that comes with maskgen; free: one that has seen no masks by "
        "people; vote: the best without one; files: masks that are there, see --masks; box: a centered box, "
        "to measure everything else).",
        group="masks",
        choices=METHODS,
    )
    weights: str = option(
        "",
        "Checkpoint of a learned method: a path, or an https:// or s3:// address; its SHA-256 is part of the "
        "fingerprint. Those that `maskgen weights list` names are fetched without it.",
        group="masks",
        result=False,
    )
    weights_sha256: str = option(
        "", "SHA-256 that the checkpoint must have; needed for an address.", group="masks", result=False
    )
    accept_license: bool = option(
        False,
        "Use weights whose license forbids commercial use; the message without this says where it is.",
        group="masks",
        result=False,
    )
    masks: str = option(
        "",
        "The masks of --method files: a folder of PNG files under the photos' paths or keys, an "
        "instances_*.json, or shards; what they are is part of the fingerprint.",
        group="masks",
        result=False,
    )
    missing: str = option(
        "quarantine",
        "What --method files does with a photo that has no mask; empty: it gets one without foreground.",
        group="masks",
        choices=("quarantine", "empty"),
    )
    network: str = option(
        "",
        "How an `onnx` model takes photos and gives masks: a known name (u2net, isnet, birefnet, "
        "inspyrenet) or a TOML file; not needed for a model that maskgen has exported.",
        group="masks",
    )
    runtime: str = option(
        "auto",
        "Library that runs a learned method (auto: torch on a GPU; on a CPU onnxruntime for fast and "
        "student, for others the first installed of openvino, onnxruntime, torch).",
        group="machine",
        choices=RUNTIMES,
    )
    precision: str = option(
        "auto",
        "Arithmetic of a learned method (auto: fp16 on a GPU, fp32 on a CPU).",
        group="machine",
        choices=PRECISIONS,
    )
    force_precision: bool = option(
        False,
        "Allow a precision whose masks differ from those of fp32 (IoU below .99).",
        group="safety",
        result=False,
    )
    compile: bool = option(
        False, "Compile a torch network with torch.compile (a minute at the start).", group="machine"
    )
    model_process: str = option(
        "auto",
        "on: one process per device runs the network for all workers; off: every worker runs it; auto: on "
        "with a GPU.",
        group="machine",
        choices=("auto", "on", "off"),
    )
    batch_size: int = option(
        0,
        "Images per call of a learned method in a process of its own (0: 32 at 320 px, 3 at 1024 px); "
        "elsewhere one by one.",
        group="machine",
        bounds=between(0, 1024),
    )
    refine: str = option(
        "auto",
        "How masks are fitted to the photo's edges (auto: crf for vote, vote for deepusps, else none); "
        "vote: together with the training-free methods.",
        group="masks",
        choices=REFINEMENTS,
    )
    background: str = option(
        "tiled",
        "How the foreground is replaced (onnx: by an inpainting model).",
        group="backgrounds",
        choices=BACKGROUNDS,
    )
    background_weights: str = option(
        "",
        "ONNX file of --background onnx; its SHA-256 is part of the fingerprint.",
        group="backgrounds",
        result=False,
    )
    background_network: str = option(
        "",
        "How the model of --background onnx takes photo and hole: a known name (lama) or a TOML file.",
        group="backgrounds",
    )
    background_runtime: str = option(
        "auto",
        "Library that runs the model of --background onnx, on the CPU in every worker (auto: the first "
        "installed of openvino, onnxruntime).",
        group="machine",
        choices=("auto", "openvino", "onnxruntime"),
    )
    layout: str = option(
        "full",
        "full: photos, masks and backgrounds; sidecar: the same without the photos.",
        group="output",
        choices=LAYOUTS,
    )
    members: str = option(
        "full",
        "full: all that the format has; lean: the photo, a small mask of a few gray levels and what a loader "
        "needs to cut crops, without background, JSON and full mask: a fifth of the bytes.",
        group="output",
        choices=MEMBER_SETS,
    )
    shard_size: int = option(
        0,
        "Planned samples per shard (0: 1000; of less than 64,000 images a 64th of them, at least 32, so that "
        "all cores find work).",
        group="output",
        bounds=at_least(0),
    )
    split: str = option(
        "train", "Split of the source: train or val.", group="source", choices=("train", "val")
    )
    labels: str = option(
        "auto",
        "Labels of a `folder` source: folder takes the name of the first folder level; auto means none.",
        group="source",
        choices=("auto", "folder", "none"),
    )
    image_feature: str = option(
        "image/encoded", "TFRecord feature that holds the image's bytes.", group="source"
    )
    label_feature: str = option("image/class/label", "TFRecord feature that holds the label.", group="source")
    name_feature: str = option(
        "image/filename", "TFRecord feature that holds the image's name.", group="source"
    )
    verify_source: bool = option(
        False, "Read TFRecord files whole while listing, for all checksums.", group="source", result=False
    )
    limit: int = option(
        0,
        "Take only the first N images in the source's order, often of its first classes only (0: all).",
        group="source",
    )
    sample: int = option(0, "Draw N images from all over the source (0: take all).", group="source")
    sample_by: str = option(
        "images",
        "Of what --sample draws: images, each as likely as any other; classes, as many of each as it allows; "
        "pareto, a long tail of classes.",
        group="source",
        choices=SAMPLE_BY,
    )
    pareto_alpha: float = option(
        6.0, "Alpha of the Pareto law: the larger, the more even.", group="source", bounds=between(0.1, 1000)
    )
    seed: int = option(0, "Seed of --sample.  [default: 0]", group="source", bounds=between(0, 2**31))
    keys: str = option(
        "",
        "File that names the images to take, or to draw from: one key or one path below the input a line.",
        group="source",
        result=False,
    )
    short_side: int = option(
        0, "Store photos resized to this short side, px (0: as they are).", group="output"
    )
    mask_side: int = option(0, "Store masks with this long side, px (0: the photo's size).", group="masks")
    background_side: int = option(
        0, "Store backgrounds with this short side, px (0: the photo's size).", group="backgrounds"
    )
    background_store: str = option(
        "full",
        "full: the whole background; patch: only the box that differs from the photo, pasted when read.",
        group="backgrounds",
        choices=("full", "patch"),
    )
    binary: bool = option(False, "Store 1-bit masks instead of soft 8-bit ones.", group="masks")
    threshold: float = option(
        0.0,
        "Mask value from which a pixel is foreground (0: the method's own).",
        group="masks",
        bounds=between(0, 1),
    )
    resize: str = option(
        "antialias",
        "Resize kernel of u2net's and u2netp's input (official: that of the authors' own results).",
        group="masks",
        choices=("antialias", "official"),
    )
    photo_format: str = option(
        "auto",
        "jpg: plain JPEGs as they are, other photos re-encoded with --jpeg-quality; png: every photo with "
        "exactly its pixels; auto: png where every file is of a lossless format and keeps its size, jpg "
        "elsewhere.",
        group="output",
        choices=("auto", "jpg", "png"),
    )
    jpeg_quality: int = option(
        95, "JPEG quality of re-encoded photos.", group="output", bounds=between(1, 100)
    )
    background_quality: int = option(
        90, "JPEG quality of backgrounds.", group="backgrounds", bounds=between(1, 100)
    )
    max_bytes: int = option(
        64 << 20, "Refuse image files above this many bytes.", group="safety", bounds=at_least(1)
    )
    max_pixels: int = option(
        64_000_000,
        "Refuse images above this many pixels; readers refuse stored photos above 134217728.",
        group="safety",
        bounds=at_least(1),
    )
    max_side: int = option(
        32_768, "Refuse images with a side above this many pixels.", group="safety", bounds=at_least(1)
    )
    accept_damaged: bool = option(
        False,
        "Store a JPEG or WebP of which a part is lost as far as it decodes, re-encoded and marked in its "
        "JSON, instead of leaving it out.",
        group="safety",
    )
    device: str = option("cpu", "Device of the learned methods.", group="machine", choices=("cpu", "cuda"))
    devices: str = option(
        "0",
        "GPUs for --device cuda, by number: 0,1 runs one model process on each.",
        group="machine",
        result=False,
    )
    executor: str = option(
        "local",
        "Where the shards are made; local: by processes on this machine; ray: by those of every node of a "
        "Ray cluster.",
        group="machine",
        choices=("local", "ray"),
        result=False,
    )
    ray_address: str = option(
        "auto",
        "The cluster of --executor ray: HOST:PORT of its head, or auto, the one of this machine or of "
        "RAY_ADDRESS; where there is none, one is started here.",
        group="machine",
        result=False,
    )
    workers: int = option(
        0,
        "Worker processes, with --executor ray on each node (0: one per core).",
        group="machine",
        result=False,
        bounds=between(0, 4096),
    )
    max_failures: str = option(
        "1%",
        "Failure budget, a count or a share: above it the exit status is 1.",
        group="safety",
        result=False,
    )
    image_timeout: float = option(
        120.0,
        "Seconds after which one image counts as hung.",
        group="safety",
        result=False,
        bounds=at_least(0.1),
    )

    def fingerprint_fields(self) -> dict[str, Any]:
        """The options that change the output bytes, by name, and the ways of backgrounds and confidence."""
        fields = {name: getattr(self, name) for name, one in options_of(type(self)).items() if one.result}
        if self.members == "full":
            del fields["members"]  # as in all shards from before there was a choice
        else:
            fields["lean_mask_version"] = LEAN_MASK_VERSION
        if self.method != "files":
            del fields["missing"]
        fields["confidence_version"] = CONFIDENCE_VERSION
        version = BACKGROUND_VERSIONS.get(self.background, 1)
        return fields if version == 1 else {**fields, "background_version": version}


def load_file(path: Path) -> dict[str, Any]:
    """Options from a TOML file, checked by name (dashes and underscores are equal).

    Raises:
        UsageError: the file cannot be read, or holds a name that is no option.
    """
    return read_toml(path, options_of(RunConfig))


def make_config(values: Mapping[str, Any]) -> RunConfig:
    """A checked RunConfig.

    Args:
        values: by field name.

    Raises:
        UsageError: an unknown or missing name, a wrong type, a value outside its choices or its bounds.
    """
    known = options_of(RunConfig)
    given = {known_name(name, known): value for name, value in values.items()}
    for name, value in given.items():
        known[name].check(value, known[name].flag)
    for one in known.values():
        if one.required and one.name not in given:
            kinds = f"one of {', '.join(one.choices)}: " if one.choices else ""
            raise UsageError(
                f"missing option {one.flag}", remedy=f"{kinds}{one.help[0].lower()}{one.help[1:-1]}"
            )
    config = RunConfig(**given)
    if config.members == "lean":
        config = _as_lean(config, given)
    if not config.output:
        raise UsageError("--output is empty", remedy="name the folder for the shards")
    if config.limit and (config.sample or config.keys):
        raise UsageError(
            "--limit takes the first images, --sample and --keys choose among all", remedy="leave --limit out"
        )
    parse_budget(config.max_failures)
    return config


_NOT_LEAN = {"background": "none", "binary": False, "mask_side": 0, "accept_damaged": False}
"""Options that say how members are stored which are not there, or are stored in one way only."""


def _as_lean(config: RunConfig, given: Mapping[str, Any]) -> RunConfig:
    """The options of a run with lean members: no background is made.

    Raises:
        UsageError: an option asks for what lean members leave out.
    """
    for name, value in _NOT_LEAN.items():
        if given.get(name, value) != value:
            flag = options_of(RunConfig)[name].flag
            raise UsageError(
                f"{flag} does not go with --members lean",
                cause="lean samples have a small soft mask, no background and no JSON",
                remedy=f"leave {flag} out, or --members lean",
            )
    return replace(config, background="none")


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


def is_over_budget(text: str, failed: int, planned: int) -> bool:
    """Whether more images failed than a failure budget allows.

    Args:
        text: as `parse_budget` reads it.
        failed: images that failed.
        planned: all images.

    Example:
        >>> from maskgen.config.run_config import is_over_budget
        >>> is_over_budget("1%", 2, 100), is_over_budget("2", 2, 100)
        (True, False)
    """
    number, is_share = parse_budget(text)
    return failed > (number * planned if is_share else number)
