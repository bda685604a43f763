"""The networks that can be trained here: those of DeepUSPS, and students."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from maskgen.methods.networks.deepusps.layers import enlarge, normalize_photos
from maskgen.methods.networks.deepusps.network import build_network, load_start
from maskgen.methods.networks.student.encoder import normalize_lite
from maskgen.methods.networks.student.layers import Student
from maskgen.methods.networks.student.weights import build_student, encoder_start, load_student
from maskgen.methods.networks.u2net.weights import read_state

from ..settings.presets import STUDENTS
from .checkpoints import read_encoder, read_factor, sharpen


def is_student(name: str) -> bool:
    """Whether a network is one of `--method student`, and not of `--method deepusps`."""
    return name in STUDENTS


def build(name: str) -> nn.Module:
    """A network with random weights: (B, 3, H, W) normalized photos to (B, H, W) logits.

    Raises:
        UsageError: there is none of that name.
    """
    return build_student(name) if is_student(name) else build_network(name)


def normalizer(name: str) -> Callable[[Tensor], Tensor]:
    """What photos in [0, 255] go through before the network sees them."""
    return normalize_lite if is_student(name) else normalize_photos


def read_start(path: Path, name: str) -> dict[str, Tensor]:
    """Weights to begin with, by the names of the network's encoder, or of a whole student.

    Args:
        path: a ResNet of `train-ssl` or torchvision; for a student another one of its kind, a classifier
            of its encoder's, or a backbone ``timm/tf_efficientnet_...`` that `train-ssl` exported.
        name: of the network.

    Raises:
        UsageError: they are not such weights.
        EnvironmentFault: the file cannot be opened.
    """
    if not is_student(name):
        return read_encoder(path)
    state, metadata = read_state(path), _metadata(path)
    if _is_whole(state):
        whole = load_student(path, name).state_dict()
        return sharpen(whole, 1 / read_factor(metadata, str(path)))  # as it had learned
    return encoder_start(state, name, str(path), metadata)


def _metadata(path: Path) -> dict[str, str]:
    """What the head of a .safetensors file says beside its tensors; nothing for other files."""
    if path.suffix != ".safetensors":
        return {}
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def _is_whole(state: dict[str, Tensor]) -> bool:
    """Whether weights are a student's own, and not its encoder's alone."""
    return any(key.startswith("decoder.") for key in state)


def put_start(network: nn.Module, weights: dict[str, Tensor], name: str) -> None:
    """Put what `read_start` gave into a network, in place.

    Raises:
        UsageError: they do not fit.
    """
    if isinstance(network, Student):
        (network if _is_whole(weights) else network.encoder).load_state_dict(weights)
    else:
        load_start(network, weights, name)


def freeze(network: nn.Module, stages: int) -> None:
    """Leave a student's stem and first stages as they are: neither learned nor kept for gradients.

    Args:
        network: changed in place; of another kind than a student it is left alone.
        stages: how many; 0: nothing is frozen, the stem neither.
    """
    if stages and isinstance(network, Student):
        for part in (network.encoder.stem, *network.encoder.stages[:stages]):
            part.requires_grad_(False)


def all_logits(network: nn.Module, photos: Tensor) -> list[Tensor]:
    """Every map that a network gives while training, (B, h, w) logits each, the finest first."""
    return network.logits(photos) if isinstance(network, Student) else [network(photos)]


def at_size(logits: Tensor, like: Tensor) -> Tensor:
    """(B, h, w) logits bilinearly at the size of (..., H, W)."""
    if logits.shape[1:] == like.shape[-2:]:
        return logits
    return enlarge(logits[:, None], like.shape[-2:])[:, 0]
