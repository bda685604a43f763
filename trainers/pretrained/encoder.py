"""A frozen backbone, from wherever it comes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from maskgen.config.fingerprint import digest

from .load import load_pretrained


@dataclass(frozen=True, eq=False)
class InputRange:
    """What a network's input is, as (RGB / 255 - mean) / deviation.

    Args:
        mean: of red, green and blue in 0..1.
        deviation: likewise.

    Example:
        >>> import torch
        >>> from maskgen.trainers.pretrained.encoder import InputRange
        >>> half = InputRange((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        >>> half(torch.tensor([0, 255], dtype=torch.uint8).expand(1, 3, 1, 2))[0, 0, 0].tolist()
        [-1.0, 1.0]
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) uint8 to float32."""
        mean, deviation = (
            torch.tensor(part, device=pictures.device)[:, None, None] * 255
            for part in (self.mean, self.deviation)
        )
        return pictures.float().sub_(mean).div_(deviation)


@dataclass(frozen=True, eq=False)
class Encoder:
    """A backbone in evaluation mode.

    Args:
        network: (B, 3, S, S) normalized images to (B, dim).
        dim: D.
        view_px: side of the views it was trained on, px.
        digest: of its weights.
        facts: what its file says.
        normalize: makes its input of pictures.
        classifier: ``weight`` (C, D) and ``bias`` (C,) of its own classifier; None: it has none.
    """

    network: nn.Module
    dim: int
    view_px: int
    digest: str
    facts: dict[str, str]
    normalize: InputRange
    classifier: dict[str, Tensor] | None = None


def load_encoder(source: str | Path, device: torch.device, backbone: str = "", *, seed: int = 0) -> Encoder:
    """The frozen backbone that `load_pretrained` finds.

    Args:
        source: see there; most simply a run's folder, or a file of weights.
        device: to put it on.
        backbone: its network's name, where the file does not say it.
        seed: of random weights.

    Raises:
        UsageError: there is no such file, or it is not the backbone's.
        ShardFault: it is damaged, or its weights are not those of its backbone.
        EnvironmentFault: timm is not installed, or the file cannot be fetched.
        MaskgenError: a weight is infinite or no number.

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
    found = load_pretrained(source, backbone, seed=seed)
    frozen = found.network.eval().requires_grad_(False).to(device)
    mean, deviation = (tuple(json.loads(found.facts[name])) for name in ("mean", "std"))
    mark = digest([found.facts["checkpoint_sha256"]])
    view_px = int(found.facts["view_px"])
    return Encoder(
        frozen, found.dim, view_px, mark, found.facts, InputRange(mean, deviation), found.classifier
    )
