"""What a phase of training needs to go on, on disk; and the encoder that networks begin with."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskgen.errors import EnvironmentFault, MaskgenError, ShardFault, UsageError
from maskgen.io.atomic import PartialFile, fsync_folder, is_as_written, unhidden_disk_errors
from maskgen.methods.networks.student.structure import HEAD
from maskgen.methods.networks.u2net.weights import read_state

Facts = dict[str, Any]

SHARPEN = "sharpen"
"""The metadata of a student's file that say what its logits were multiplied by."""
_WRAPPERS = ("module.", "backbone.", "encoder.", "model.")
_INNER = ("state_dict", "model", "teacher")
_HEADS = re.compile(r"(fc|classifier|projection_head|projector|prototypes|head|predictor)\b.*")


def prepare_torch(device: str, threads: int) -> None:
    """Fix the number of threads, on which the last bits of sums depend, and see that the device is there.

    Raises:
        EnvironmentFault: there is no such GPU.
    """
    if threads:
        torch.set_num_threads(threads)
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise EnvironmentFault(
            "--device cuda was asked for and torch sees no GPU",
            cause="no NVIDIA driver, or a torch without CUDA",
            remedy="run `maskgen doctor`, or give --device cpu",
        )


def save_state(path: Path, state: Facts) -> Facts:
    """Write a state durably in one piece, over an old one of that name.

    Returns:
        Its ``file`` name, ``bytes`` and ``sha256``, for the record that makes it count.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """
    with PartialFile(path) as partial:
        with unhidden_disk_errors():
            torch.save(state, partial)  # type: ignore[arg-type] # it only writes
        partial.sync()
        partial.publish()
        facts = {"file": path.name, "bytes": partial.size, "sha256": partial.sha256}
    fsync_folder(path.parent)
    return facts


def load_state(folder: Path, facts: Facts) -> Facts:
    """The state that a record speaks of, on the CPU.

    Raises:
        ShardFault: it is absent, not what was written, or nothing that `save_state` writes.
    """
    path = folder / facts["file"]
    if not path.is_file() or not is_as_written(path, facts["bytes"], facts["sha256"]):
        raise ShardFault("a checkpoint is damaged", where=str(path), cause="a torn write or bit rot")
    try:
        state: Facts = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        cause = f"its hash is right, its content is not ({type(error).__name__})"
        raise ShardFault("a checkpoint is damaged", where=str(path), cause=cause) from error
    return state


def read_encoder(path: Path) -> dict[str, Tensor]:
    """An encoder's weights under torchvision's names, without its classifier or projection.

    Args:
        path: a .safetensors file as `train-ssl` exports it, or a torch checkpoint (read with
            ``weights_only=True``) whose weights may lie in ``state_dict`` and behind prefixes such as SwAV's
            ``module.``.

    Raises:
        UsageError: it is neither, or holds no convolution of a ResNet.
        EnvironmentFault: it cannot be opened.
    """
    weights = _safetensors(path) if path.suffix == ".safetensors" else _torch_file(path)
    while prefix := _common_prefix(weights):
        kept = {name: value for name, value in weights.items() if name.startswith(prefix)}
        weights = {name.removeprefix(prefix): value for name, value in kept.items()}
    weights = {name: value for name, value in weights.items() if not _HEADS.fullmatch(name)}
    if "conv1.weight" not in weights:
        raise UsageError(
            "the file holds no ResNet encoder",
            where=str(path),
            cause=f"it has no conv1.weight; it begins with {', '.join(list(weights)[:3]) or 'nothing'}",
            remedy="give a backbone exported by train-ssl, or a checkpoint with torchvision's names",
        )
    return weights


def _common_prefix(weights: dict[str, Tensor]) -> str:
    """A wrapper's prefix in front of the encoder's first convolution; empty when there is none."""
    if "conv1.weight" in weights:
        return ""
    found = [prefix for prefix in _WRAPPERS if any(name.startswith(prefix) for name in weights)]
    return found[0] if found else ""


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise UsageError(
            "cannot read the encoder's weights", where=str(path), cause=str(error), remedy="check --init"
        ) from error
    except OSError as error:
        raise EnvironmentFault(
            "cannot open the encoder's weights",
            where=str(path),
            cause=str(error),
            remedy="check --init, and that the file may be read",
        ) from error


def _torch_file(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise EnvironmentFault(
            "cannot open the encoder's weights",
            where=str(path),
            cause=str(error),
            remedy="check --init, and that the file may be read",
        ) from error
    except Exception as error:
        kind = "a torch file" if zipfile.is_zipfile(path) else "no torch file"
        raise UsageError(
            "cannot read the encoder's weights",
            where=str(path),
            cause=f"{kind}, or one that holds more than tensors ({type(error).__name__})",
            remedy="give a checkpoint of tensors alone, or .safetensors",
        ) from error
    for name in _INNER:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict):
        raise UsageError("the file holds no named weights", where=str(path), remedy="check --init")
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def sharpen(state: Mapping[str, Tensor], factor: float) -> dict[str, Tensor]:
    """The weights of a student whose logits are `factor` times those of the one given."""
    return {**state, **{name: factor * state[name] for name in HEAD}}


def read_factor(metadata: Mapping[str, str], where: str) -> float:
    """What a student's logits were multiplied by when it was exported, as its file says; 1: it says nothing.

    Raises:
        UsageError: it is no number above 0.
    """
    text = metadata.get(SHARPEN, "1")
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < math.inf:
        raise UsageError(
            f"the weights' metadata say {SHARPEN}={text!r}", where=where, remedy="a number above 0 is needed"
        )
    return factor


def exported_weights(path: Path, *, half: bool = False, factor: float = 1.0) -> dict[str, Tensor]:
    """The tensors of a .safetensors file as they are passed on.

    Args:
        path: of the file.
        half: whether those of float32 are rounded to float16.
        factor: what the logits of a student are multiplied by, in its last convolution.

    Raises:
        MaskgenError: a value is too large for float16.
    """
    state = read_state(path)
    if factor != 1:
        state = sharpen(state, factor)
    if not half:
        return state
    rounded = {name: value.half() if value.dtype == torch.float32 else value for name, value in state.items()}
    broken = [name for name, value in rounded.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise MaskgenError(
            "the weights cannot be rounded to float16",
            where=str(path),
            cause=f"values above 65 504 in {', '.join(broken[:3])}",
            remedy="export them without --half",
        )
    return rounded
