"""`eval-ssl davis`: objects followed by frozen features."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torchvision.models.resnet import ResNet

from maskgen.config.fingerprint import digest
from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.davis import Clip, open_davis

from ..dense_maps import DenseMaps
from ..frozen import FrozenConfig, write_result
from ..parts import Arrays, Parts, Say
from .clip import Follower, judge_clip
from .measures import statistics
from .rules import RULES

LAYER, STRIDE = "layer3", 8
"""Of a ResNet, as in Jabri et al."""


@dataclass(frozen=True, kw_only=True)
class DavisConfig(FrozenConfig):
    """What `run_davis` is asked.

    Args:
        data: the folder DAVIS.
        split: of its lists.
        rules: a name of `RULES`.
        layer: whose maps are compared.
        stride: of the maps, px, of a ResNet; 0: the network's own; -1: `STRIDE` of a ResNet, else its own.
    """

    data: Path
    split: str = "val"
    rules: str = "jabri"
    layer: str = LAYER
    stride: int = -1

    def follower(self) -> tuple[Follower, int]:
        """What follows objects, and the stride that was chosen.

        Raises:
            MaskgenError: the encoder cannot be read, or has no such layer or stride.
        """
        encoder = self.encoder
        stride = self.stride
        if stride < 0:
            stride = STRIDE if isinstance(encoder.network, ResNet) else 0
        maps = DenseMaps(encoder.network, self.layer, stride=stride)
        return Follower(maps, encoder.normalize, self.device, RULES[self.rules]), stride


def run_davis(
    config: DavisConfig, *, say: Say = lambda _text: None, stop: StopSignals | None = None
) -> dict[str, Any]:
    """J and F of objects that are followed through clips, in davis.json; their masks in masks/CLIP.

    The masks of the first frame are carried on by the nearest features; nothing is trained. For sources see
    `RULES` and the module measures.

    Args:
        config: what to judge, on what.
        say: told how far it is.
        stop: asked between clips; what is done then is kept in the folder davis.

    Returns:
        What the file holds: ``J&F``, ``J_mean``, ``J_recall``, ``J_decay`` and the same of F from 0 to 1, the
            mean over all objects of all clips; ``clips``, J and F of each object; and what they depend on.

    Raises:
        MaskgenError: the encoder or the clips cannot be read.
        Interrupted: a signal asked for it.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers import DavisConfig, run_davis
        >>> encoder = {"checkpoint": "random", "backbone": "tiny", "device": torch.device("cpu")}
        >>> config = DavisConfig(**encoder, data=Path("DAVIS"), output=Path("followed"), layer="layer2")
        >>> 0 <= run_davis(config)["J&F"] <= 1
        True
    """
    clips = {clip.name: clip for clip in open_davis(config.data, config.split)}
    follower, stride = config.follower()
    question = {
        **config.facts(),
        "data": digest([(name, clip.fingerprint()) for name, clip in clips.items()]),
        "rules": {"name": config.rules, **dataclasses.asdict(follower.rules)},
        "layer": config.layer,
        "stride": stride,
    }

    def measure(name: str) -> Arrays:
        return judge_clip(clips[name], follower.follow(clips[name]), config.output / "masks" / name)

    parts = Parts(config.output / "davis", question, say, stop).compute(list(clips), measure)
    result = {**question, **summarize(clips, parts)}
    write_result(config.output / "davis.json", result)
    return result


def summarize(clips: dict[str, Clip], parts: list[dict[str, NDArray[Any]]]) -> dict[str, Any]:
    """The figures of all clips, of the J and F that `judge_clip` gives for each."""
    found: dict[str, Any] = {}
    for name in ("J", "F"):
        rows = np.array([statistics(values) for part in parts for values in part[name]])
        found |= {f"{name}_{what}": float(rows[:, place].mean()) for place, what in enumerate(_WHAT)}
    each = {
        clip: {name: [float(values.mean()) for values in part[name]] for name in ("J", "F")}
        for clip, part in zip(clips, parts, strict=True)
    }
    objects = sum(len(part["J"]) for part in parts)
    both = (found["J_mean"] + found["F_mean"]) / 2
    return {"J&F": both, **found, "objects": objects, "clips": each}


_WHAT = ("mean", "recall", "decay")
