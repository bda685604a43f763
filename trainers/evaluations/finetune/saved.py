"""A fine-tuned network as a file that `--checkpoint` reads again, its classifier as `--head own`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from maskgen.io.atomic import write_atomic
from maskgen.methods.networks.tensors import sort_metadata
from maskgen.trainers.networks.backbones import classifier_name
from maskgen.trainers.pretrained.encoder import Encoder

from .model import Tuned

FILE = "finetuned.safetensors"


def write_tuned(
    path: Path,
    model: Tuned,
    encoder: Encoder,
    names: Mapping[int, str],
    *,
    side: int,
    interpolation: str,
    step: int,
) -> dict[str, str]:
    """Write the backbone under its library's names with the classifier as that library calls it.

    It loads strictly into torchvision's ResNet, or timm's model, of as many classes.

    Args:
        path: ends in ``.safetensors``.
        model: to be written.
        encoder: what it was before.
        names: of the classes by number, where they are known.
        side: of the input that it was trained on, px.
        interpolation: of its tests.
        step: steps of the fine-tuning.

    Returns:
        What the file says of itself; ``checkpoint_sha256`` is that of its tensors.
    """
    from safetensors.torch import save

    fc = classifier_name(encoder.facts["backbone"])
    head = {f"{fc}.{name}": value for name, value in model.head.state_dict().items()}
    tensors: dict[str, Tensor] = {
        name: value.detach().cpu().contiguous()
        for name, value in {**model.backbone.state_dict(), **head}.items()
    }
    facts = {
        **{name: encoder.facts[name] for name in ("format", "backbone", "method", "mean", "std")},
        "view_px": str(side),
        "step": str(step),
        "interpolation": interpolation,
        "finetuned_from": encoder.facts["checkpoint_sha256"],
        "checkpoint_sha256": hashlib.sha256(save(tensors)).hexdigest(),
        "classifier": fc,
        "names": json.dumps({str(number): name for number, name in names.items()}),
    }
    write_atomic(path, sort_metadata(save(tensors, metadata=facts)))
    return facts
