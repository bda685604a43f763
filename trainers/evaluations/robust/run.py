"""One classifier on many sets: a JSON for each, and a summary; what is done is not done again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskgen.processes.signals import StopSignals
from maskgen.trainers.heads.head import load_head
from maskgen.trainers.pretrained.encoder import load_encoder
from maskgen.trainers.probes.setup import ProbeConfig
from maskgen.trainers.probes.tasks import head_input

from ..frozen import write_result
from ..parts import Say
from .challenge import Foregrounds, run_challenge
from .classes import HeadClasses
from .classifier import Classifier
from .sets.kinds import KINDS
from .sets.parts import Request

SUMMARY = "robust.json"


@dataclass(frozen=True, kw_only=True)
class RobustConfig:
    """What is asked of which classifier.

    Args:
        probe: the checkpoint and how it is fed; its ``data`` and ``test`` are not used.
        head: a linear.safetensors; or ``own``, the checkpoint's own classifier.
        sets: pairs of a kind, a key of `KINDS`, and its folder.
        names: a file of the head's classes; None: as the head says, or ImageNet's thousand.
        challenge: ImageNet-9's folder, for its challenge; None: without.
        partial: whether a part of a set will do.
        real_labels: ReaL's labels; None: beside the photos.
        masks: of ImageNet-A's photos, shards or a folder of pictures, for ``a-fg``.
        fill: the gray that is put in the place of backgrounds, 0 to 255.
    """

    probe: ProbeConfig
    head: str
    sets: Sequence[tuple[str, Path]]
    names: Path | None = None
    challenge: Path | None = None
    partial: bool = False
    real_labels: Path | None = None
    masks: Path | None = None
    fill: int = 0


def run_robust(config: RobustConfig, *, say: Say, stop: StopSignals | None = None) -> dict[str, Any]:
    """Accuracies of a classifier on each set, in KIND.json, and all of them in robust.json.

    Every set is looked at before the first is judged. Called again after an interruption, it goes on with the
    part of a set that it was at.

    Args:
        config: what is asked.
        say: told how far it is.
        stop: asked between parts.

    Returns:
        What robust.json holds: the figures by kind, from 0 to 1 (mCE in percent), and what they depend on.

    Raises:
        MaskgenError: the backbone, the head or a set cannot be read, or they do not belong together.
        Interrupted: a signal asked for it.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers import ProbeConfig, run_linear
        >>> from maskgen.trainers.evaluations.robust.run import RobustConfig, run_robust
        >>> from maskgen.trainers.heads.protocols import find_protocol
        >>> encoder = {"checkpoint": "random", "backbone": "tiny", "device": torch.device("cpu")}
        >>> place = {"data": Path("imagenet"), "test": None}
        >>> probe = ProbeConfig(**encoder, **place, output=Path("head"), side=32)
        >>> protocol = find_protocol("moco", epochs=1, batch_size=5)
        >>> trained = run_linear(probe, protocol, lrs=[0.1], views=-1, say=lambda text: None)
        >>> asked = ProbeConfig(**encoder, **place, output=Path("robust"))
        >>> sets = [("val", Path("imagenet"))]
        >>> config = RobustConfig(probe=asked, head="head/linear.safetensors", sets=sets, partial=True)
        >>> 0 <= run_robust(config, say=print)["sets"]["val"]["top1"] <= 1
        val: top1 ...
        True
    """
    probe = config.probe
    encoder = load_encoder(probe.checkpoint, probe.device, probe.backbone, seed=probe.seed)
    head = load_head(config.head, encoder, probe.device)
    classifier = Classifier(encoder, head, head_input(probe, head, say), config.head)
    classes = HeadClasses.of(head, config.names)
    opened = [(kind, KINDS[kind].open(_request(config, place, classes))) for kind, place in config.sets]
    foregrounds = None
    if config.challenge is not None:
        foregrounds = Foregrounds.open(config.challenge, classes, partial=config.partial)
    figures = {kind: classifier.judge(kind, parts, say, stop)["figures"] for kind, parts in opened}
    if foregrounds is not None:
        figures["challenge"] = run_challenge(classifier, foregrounds, say, stop)
    summary = {**classifier.facts(KINDS["val"]), "sets": figures}
    write_result(probe.output / SUMMARY, summary)
    return summary


def _request(config: RobustConfig, place: Path, classes: HeadClasses) -> Request:
    return Request(
        folder=place,
        classes=classes,
        partial=config.partial,
        labels=config.real_labels,
        masks=config.masks,
        fill=config.fill,
    )
