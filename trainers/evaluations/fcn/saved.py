"""A trained network as a file, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from maskgen.errors import ShardFault, UsageError
from maskgen.io.atomic import write_atomic
from maskgen.methods.networks.tensors import sort_metadata
from maskgen.trainers.networks.backbones import build_backbone
from maskgen.trainers.pretrained.encoder import Encoder

from .network import Fcn, new_fcn

FILE, FORMAT = "fcn.safetensors", "maskgen-fcn"


def write_fcn(
    path: Path, model: Fcn, encoder: Encoder, classes: tuple[str, ...], *, dilation: int, stride: int
) -> dict[str, str]:
    """Write a network with what `load_fcn` needs: ``backbone.*`` as its library calls them, and ``head.*``.

    Args:
        path: ends in ``.safetensors``.
        model: to be written.
        encoder: what its backbone was before.
        classes: their names.
        dilation: as of `new_fcn`.
        stride: likewise.

    Returns:
        What the file says of itself; ``checkpoint_sha256`` is that of its tensors.
    """
    from safetensors.torch import save

    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    facts = {
        "format": FORMAT,
        **{name: encoder.facts[name] for name in ("backbone", "method", "mean", "std")},
        "trained_from": encoder.facts["checkpoint_sha256"],
        "checkpoint_sha256": hashlib.sha256(save(tensors)).hexdigest(),
        "classes": json.dumps(classes),
        "dilation": str(dilation),
        "stride": str(stride),
    }
    write_atomic(path, sort_metadata(save(tensors, metadata=facts)))
    return facts


def load_fcn(path: Path, device: torch.device) -> tuple[Fcn, dict[str, str]]:
    """A network that `eval-ssl fcn` trained, in evaluation mode, and what its file says.

    Its input is (RGB / 255 - ``mean``) / ``std``; ``classes`` are the names of its outputs, as JSON.

    Raises:
        UsageError: it is no such file.
        ShardFault: its weights are not those of its backbone.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            facts: Mapping[str, str] = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UsageError(
            "cannot read a network", where=str(path), cause=str(error), remedy=f"give {FILE} of eval-ssl fcn"
        ) from error
    if facts.get("format") != FORMAT:
        raise UsageError(
            "the file holds no fully convolutional network",
            where=str(path),
            remedy=f"give {FILE} of eval-ssl fcn",
        )
    network, _ = build_backbone(facts["backbone"])
    numbers = {name: int(facts[name]) for name in ("dilation", "stride")}
    model = new_fcn(network.to(device), len(json.loads(facts["classes"])), seed=0, device=device, **numbers)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ShardFault(
            "the weights are not those of the network that the file names",
            where=str(path),
            cause=str(error)[:200],
            remedy="train it again: eval-ssl fcn",
        ) from error
    return model.eval(), dict(facts)
