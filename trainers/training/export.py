"""Backbones for other projects.

Torchvision's and timm's names as safetensors, Detectron2's and OpenMMLab's as checkpoints.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskgen.errors import MaskgenError, ShardFault, UsageError
from maskgen.io.atomic import file_sha256, write_atomic
from maskgen.loaders.pixels.normalize import DEVIATION, MEAN
from maskgen.methods.networks.tensors import sort_metadata

from ..networks.backbones import classifier_name
from . import checkpoint

Warn = Callable[[str], None]
Weights = dict[str, Tensor]
Facts = dict[str, str]

FORMATS = ("torchvision", "timm", "detectron2", "mmseg")
_PICKLED = ("detectron2", "mmseg")
"""Whose readers take a .pth."""
_PREFIX, _CLASSIFIER = "backbone.", "classifier."
_OWN = {"backbone", "view_px", "checkpoint_sha256"}
"""What the metadata of our exports say."""
_STEM = {"conv1": "stem.conv1", "bn1": "stem.conv1.norm"}
_OF_TIMM = re.compile(r"timm/.+|resnet(18|34|50|101|152|200)")
_BLOCK = re.compile(r"layer([1-4])\.(\d+)\.(conv[123]|bn[123]|downsample\.[01])\.(\w+)")


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


@dataclass(frozen=True, eq=False)
class OwnBackbone:
    """A backbone of `train-ssl`.

    Args:
        weights: under its own names.
        facts: what is known about it.
        classifier: ``weight`` (C, D) and ``bias`` (C,) of a supervised run's; None: it has none.
    """

    weights: Weights
    facts: Facts
    classifier: Weights | None = None


def _load_last(path: Path, warn: Warn) -> tuple[Path, OwnBackbone]:
    """The backbone in a checkpoint, or in the last whole one of a run's folder, and which file that is.

    Args:
        path: of either.
        warn: told about damaged ones that were passed over.

    Raises:
        UsageError: it is neither.
        ShardFault: it, or each of the run's, is damaged.
    """
    if path.is_file() and not path.with_suffix(".json").exists():
        raise UsageError(
            f"{path.name} is no checkpoint",
            where=str(path),
            cause="no side file lies beside it",
            remedy="name a step-*.pt with its .json, a run's folder, or an exported .safetensors",
        )
    if path.is_file():
        found = path, checkpoint.load(path, _backbone)
    else:
        folder = path if checkpoint.steps(path) else path / checkpoint.FOLDER
        newest = checkpoint.newest(folder, warn, _backbone)
        if newest is None:
            raise UsageError(
                "there is no checkpoint", where=str(path), remedy="name a step-*.pt, or a run's folder"
            )
        found = newest
    file, state = found
    return file, _backbone(state, file_sha256(file))


def _backbone(state: checkpoint.State, sha256: str = "") -> OwnBackbone:
    weights = backbone_weights(state["method"])
    if not weights:
        raise ValueError("it holds no backbone")
    facts = describe(state["config"], sha256, state["schedule"]["step"])
    return OwnBackbone(weights, facts, _part(state["method"], _CLASSIFIER) or None)


def export(
    source: Path,
    target: Path,
    kind: str = "torchvision",
    *,
    classes: Mapping[int, str] | None = None,
    warn: Warn = _warn,
) -> Facts:
    """Write the online encoder of a checkpoint, alone or with a supervised run's classifier.

    torchvision and timm name ResNets alike; a backbone ``timm/NAME`` has timm's names for that model, others
    torchvision's. Without its classifier: load strictly into a model whose `fc` is an identity (torchvision)
    or that was made with ``num_classes=0`` (timm); with it, into one of as many classes.

    Args:
        source: a checkpoint, or a run's folder.
        target: the file; ``.safetensors``, or ``.pth`` for Detectron2 and MMSegmentation.
        kind: one of `FORMATS`.
        classes: the names of the classifier's classes by number, as far as they are known, to write it too;
            None: leave it out.
        warn: told about damaged checkpoints of a run that were passed over for an older one.

    Returns:
        What is known about the backbone, also in the file's metadata.

    Raises:
        UsageError: the format is unknown or does not hold this backbone, the file's ending is wrong, or there
            is no classifier to write.
        ShardFault: the checkpoint is damaged.
        MaskgenError: a weight is infinite or no number.

    Example:
        >>> from pathlib import Path
        >>> from maskgen.trainers import Settings, export, find_preset, train, with_overrides
        >>> preset = with_overrides(find_preset("simclr", "smoke"), {"batch_size": "5", "epochs": "1"})
        >>> settings = Settings(data="shards", output=Path("run"))
        >>> train(preset, settings, say=lambda text: None, echo=lambda line: None)
        >>> export(Path("run"), Path("mine.safetensors"))["backbone"]
        'tiny'
    """
    ending = ".pth" if kind in _PICKLED else ".safetensors"
    if kind not in FORMATS or target.suffix != ending:
        raise UsageError(
            f"cannot export {target.name} as {kind!r}",
            remedy=f"one of {', '.join(FORMATS)}; {kind} ends in {ending}",
        )
    path, own = _load_last(source, warn)
    weights, facts = own.weights, own.facts
    if classes is not None:
        weights, facts = _with_classifier(own, kind, classes, path)
    require_finite(weights, str(path), "export an earlier checkpoint, or train with a lower lr")
    if kind == "timm" and not _OF_TIMM.fullmatch(facts["backbone"]):
        raise UsageError(
            f"timm has no backbone {facts['backbone']!r}", remedy="--format torchvision keeps its own names"
        )
    if kind == "detectron2":
        content = {"model": detectron2_names(weights), "matching_heuristics": True}
        _write_pickled(target, {**content, "__author__": "maskgen", "facts": facts})
    elif kind == "mmseg":
        detectron2_names(weights)  # refuses what is no ResNet of four stages
        _write_pickled(target, {"state_dict": weights, "meta": facts})
    else:
        from safetensors.torch import save

        write_atomic(target, sort_metadata(save(weights, metadata=facts)))
    return facts


def _with_classifier(
    own: OwnBackbone, kind: str, classes: Mapping[int, str], path: Path
) -> tuple[Weights, Facts]:
    """A whole model: the classifier under the name that the backbone's library has for it."""
    if own.classifier is None or kind in _PICKLED:
        raise UsageError(
            "there is no classifier to write" if own.classifier is None else f"{kind} has no classifier",
            where=str(path),
            remedy="only a supervised run has one, for torchvision and timm",
        )
    name = classifier_name(own.facts["backbone"])
    inside = {f"{name}.{part}": value for part, value in own.classifier.items()}
    facts = own.facts | {"classifier": name, "names": json.dumps({str(k): v for k, v in classes.items()})}
    return {**own.weights, **inside}, facts


def backbone_weights(method: Weights) -> Weights:
    """The online encoder's part of a method's state, contiguous, under its own names."""
    return _part(method, _PREFIX)


def _part(method: Weights, prefix: str) -> Weights:
    found = {k.removeprefix(prefix): v for k, v in method.items() if k.startswith(prefix)}
    return {
        name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in found.items()
    }


def require_finite(weights: Weights, where: str, remedy: str) -> None:
    """Refuse weights that no image gives features with.

    Args:
        weights: by name.
        where: they are from, for errors.
        remedy: what to do about it.

    Raises:
        MaskgenError: one is infinite or no number; the first is named.
    """
    for name, value in weights.items():
        if not value.isfinite().all():
            raise MaskgenError(
                f"the weight {name} is infinite or no number",
                where=where,
                cause="the training diverged",
                remedy=remedy,
            )


def describe(config: dict[str, Any], sha256: str, step: int) -> Facts:
    """What someone who finds the file needs to know, as texts."""
    preset = config["preset"]
    return {
        "format": "pt",
        "backbone": preset["backbone"],
        "method": preset["method"],
        "view_px": str(preset["views"]["views"]["0"]["size"]),
        "mean": json.dumps(MEAN),
        "std": json.dumps(DEVIATION),
        "step": str(step),
        "checkpoint_sha256": sha256,
    }


def detectron2_names(weights: Weights) -> Weights:
    """A torchvision ResNet under the names of Detectron2's: stem and res2 to res5, norms within convolutions.

    Raises:
        UsageError: not such a ResNet.
    """
    return {
        _detectron2_name(name): value
        for name, value in weights.items()
        if not name.endswith("num_batches_tracked")
    }


def _detectron2_name(name: str) -> str:
    head, _, tail = name.rpartition(".")
    if head in _STEM:
        return f"{_STEM[head]}.{tail}"
    match = _BLOCK.fullmatch(name)
    if match is None:
        raise UsageError(
            "Detectron2 and MMSegmentation have no place for this backbone",
            where=name,
            cause="it is no ResNet of four stages",
            remedy="leave --format out",
        )
    stage, block, layer, part = match.groups()
    layer = {"downsample.0": "shortcut", "downsample.1": "shortcut.norm"}.get(layer, layer)
    layer = re.sub(r"bn([123])", r"conv\1.norm", layer)
    return f"res{int(stage) + 1}.{block}.{layer}.{part}"


def _write_pickled(target: Path, content: dict[str, Any]) -> None:
    """As their checkpointers read a .pth: tensors, texts and truths only, so that ``weights_only`` reads it.

    Detectron2's ``matching_heuristics`` lets it put a prefix before the names; the ResNets of MMSegmentation
    and MMDetection (``style="pytorch"``) have torchvision's names.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomic(target, buffer.getvalue())


def is_own(path: Path) -> bool:
    """Whether `train-ssl` wrote it: a run's folder, a checkpoint with its side file, or an export."""
    if path.suffix != ".safetensors":
        return path.is_dir() or path.with_suffix(".json").exists()
    return "backbone" in _open_export(path, weights=False)[1]


def read_backbone(path: Path, warn: Warn = _warn) -> OwnBackbone:
    """The backbone of an exported .safetensors, a checkpoint, or a run's folder.

    Raises:
        UsageError: it is none of these.
        ShardFault: it is damaged.
    """
    if path.suffix != ".safetensors":
        return _load_last(path, warn)[1]
    weights, facts = _open_export(path)
    if not facts.keys() >= _OWN or not facts["view_px"].isdecimal():
        raise UsageError(
            "the file does not say what backbone it is", where=str(path), remedy="export it anew"
        )
    name = facts.get("classifier", "")
    classifier = _part(weights, f"{name}.") if name else {}
    encoder = {key: value for key, value in weights.items() if not name or not key.startswith(f"{name}.")}
    return OwnBackbone(encoder, facts, classifier or None)


def _open_export(path: Path, *, weights: bool = True) -> tuple[Weights, Facts]:
    """The tensors, if they are asked for, and the metadata."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            names = file.keys() if weights else ()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise ShardFault(
            "cannot read an exported backbone",
            where=str(path),
            cause=str(error),
            remedy="check the path, or export it again",
        ) from error
    return tensors, facts
