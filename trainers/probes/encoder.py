"""A frozen backbone from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from maskgen.config.fingerprint import digest
from maskgen.errors import ShardFault

from ..networks.backbones import build_backbone
from ..training.export import read_backbone


@dataclass(frozen=True, eq=False)
class Encoder:
    """A backbone in evaluation mode.

    Args:
        network: (B, 3, S, S) normalized images to (B, dim).
        dim: D.
        view_px: side of the views it was trained on, px.
        digest: of its weights.
        facts: what its file says.
    """

    network: nn.Module
    dim: int
    view_px: int
    digest: str
    facts: dict[str, str]


def load_encoder(path: Path, device: torch.device) -> Encoder:
    """The backbone of a checkpoint, a run's folder (the last checkpoint), or an exported .safetensors.

    Raises:
        UsageError: it is none of these.
        ShardFault: it is damaged, or its weights are not those of its backbone.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers import Settings, find_preset, load_encoder, train, with_overrides
        >>> preset = with_overrides(find_preset("simclr", "smoke"), {"batch_size": "5", "epochs": "1"})
        >>> settings = Settings(data="shards", output=Path("run"))
        >>> train(preset, settings, say=lambda text: None, echo=lambda line: None)
        >>> load_encoder(Path("run"), torch.device("cpu")).network(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 64])
    """
    weights, facts = read_backbone(path)
    network, dim = build_backbone(facts["backbone"])
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ShardFault(
            f"the weights are not those of a {facts['backbone']}",
            where=str(path),
            cause=str(error),
            remedy="export the backbone again",
        ) from error
    frozen = network.eval().requires_grad_(False).to(device)
    return Encoder(frozen, dim, int(facts["view_px"]), digest([facts["checkpoint_sha256"]]), facts)
