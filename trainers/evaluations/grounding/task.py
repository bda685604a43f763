"""`eval-ssl grounding`: how far where an encoder looks is the foreground."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskgen.io.atomic import file_sha256
from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.masked import MaskedImages, open_masked
from maskgen.trainers.heads.head import OWN, load_head

from ..frozen import FrozenConfig, write_result
from ..parts import Arrays, Parts, Say
from .measure import Looker, judge, summarize

SIDE = 224
_PART = 512
"""Images between two looks at the signals."""


@dataclass(frozen=True, kw_only=True)
class GroundingConfig(FrozenConfig):
    """What `run_grounding` is asked.

    Args:
        data: shards with photos, or a folder of photos.
        truth: true masks in place of the shards' own, see `open_masked`.
        score: ``masked``: the match with a masked key crop, as CAST trains; ``key``: with the whole key crop;
            ``class``: the logit of what `head` answers.
        crops: ``random``: two crops of each photo; ``whole``; empty: whole for a class, else random.
        head: a linear.safetensors, or ``own``.
        layer: whose maps are weighed; empty: the last, layer4 of a ResNet.
        count: images that are drawn; 0: all.
        side: of the input, px.
        batch_size: images at once.
    """

    data: Path
    truth: Path | None = None
    score: str = "masked"
    crops: str = ""
    head: str = ""
    layer: str = ""
    count: int = 0
    side: int = SIDE
    batch_size: int = 32

    def looker(self) -> Looker:
        """The encoder, and how it is asked.

        Raises:
            MaskgenError: the encoder or the head cannot be read, or do not go together.
        """
        encoder: Any = self.encoder  # Any: a checker that follows links sees its class twice
        return Looker(
            encoder.network,
            encoder.normalize,
            self.device,
            self.side,
            self.score,
            self.crops or ("whole" if self.score == "class" else "random"),
            load_head(self.head, encoder, self.device) if self.head else None,
            self.layer,
            self.seed,
            self.threads,
            self.batch_size,
        )

    def question(self, images: MaskedImages, looker: Looker) -> dict[str, Any]:
        """All that the figures depend on."""
        head = self.head if self.head in ("", OWN) else file_sha256(Path(self.head))
        settings = {"score": looker.score, "crops": looker.crops, "head": head, "side": looker.side}
        return {**self.facts(), "data": images.fingerprint, **settings, "layer": looker.weighed_layer}


def run_grounding(
    config: GroundingConfig, *, say: Say = lambda _text: None, stop: StopSignals | None = None
) -> dict[str, Any]:
    """Grad-CAM against masks, as in section 4.4 of CAST, written to grounding.json.

    https://arxiv.org/abs/2012.04630: maps stretched to 0..1, cut at 0.5, their IoU with the query's mask, the
    mean over images. The paper says neither which crops it took nor which score: both are options here.

    Args:
        config: what to judge, on what.
        say: told how far it is.
        stop: asked between parts; what is done then is kept in the folder grounding.

    Returns:
        What the file holds: see `summarize`, and what the figures depend on.

    Raises:
        MaskgenError: the encoder, the head, the photos or the masks cannot be read.
        Interrupted: a signal asked for it.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers.evaluations.grounding.task import GroundingConfig, run_grounding
        >>> encoder = {"checkpoint": "random", "backbone": "tiny", "device": torch.device("cpu")}
        >>> config = GroundingConfig(**encoder, data=Path("shards"), output=Path("out"), side=64)
        >>> found = run_grounding(config)
        >>> 0 <= found["iou"] <= 1, found["images"] + found["without_foreground"]
        (True, 20)
    """
    images = open_masked(config.data, config.truth).draw(config.count, config.seed)
    looker = config.looker()
    question = config.question(images, looker)

    def measure(name: str) -> Arrays:
        start = int(name) * _PART
        numbers = range(start, min(start + _PART, len(images)))
        return {"scores": np.array([judge(look) for look in looker.looks(images, numbers)], np.float64)}

    names = [str(number) for number in range(-(-len(images) // _PART))]
    parts = Parts(config.output / "grounding", question, say, stop).compute(names, measure)
    scores = np.concatenate([part["scores"].reshape(-1, 2) for part in parts])
    result = {**question, **summarize(scores), "unpaired": images.unpaired}
    write_result(config.output / "grounding.json", result)
    return result
