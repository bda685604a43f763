"""What every evaluation of a frozen encoder is told, and what its result says of that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from maskgen.io.atomic import write_atomic

from ..distributed.ranks import rank
from ..pretrained.encoder import Encoder, load_encoder


@dataclass(frozen=True, kw_only=True)
class FrozenConfig:
    """A frozen encoder, where the results go, and on what they are computed. Arithmetic is float32.

    Args:
        checkpoint: a run's folder, a file of weights, or what else `load_pretrained` takes.
        output: folder of the results.
        device: of the encoder.
        backbone: its network, where the file does not say it.
        seed: of whatever is drawn.
        threads: that decode.
    """

    checkpoint: Path | str
    output: Path
    device: torch.device
    backbone: str = ""
    seed: int = 0
    threads: int = 2

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder, loaded once.

        Raises:
            MaskgenError: it cannot be read.
        """
        return load_encoder(self.checkpoint, self.device, self.backbone, seed=self.seed)

    def facts(self) -> dict[str, Any]:
        """What every result depends on: the network, its weights and the seed."""
        said = self.encoder.facts
        return {
            "backbone": said["backbone"],
            "method": said["method"],
            "step": int(said["step"]),
            "checkpoint_sha256": said["checkpoint_sha256"],
            "seed": self.seed,
        }


def write_result(path: Path, result: Mapping[str, Any]) -> None:
    """Write a result as JSON, on rank 0."""
    if rank() == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, (json.dumps(result, indent=1) + "\n").encode())
