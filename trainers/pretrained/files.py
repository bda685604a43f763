"""Tensors by name in the files of weights that projects release; nothing in a file is run as code."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskgen.errors import ShardFault, UsageError

_WRAPPERS = ("state_dict", "model", "model_state_dict", "online_network_state_dict", "network", "net")
"""Where training codes keep the networks, beside the optimizer and the epoch."""
ENDINGS = (".safetensors", ".pth", ".pt", ".pth.tar", ".tar", ".bin", ".torch", ".ckpt")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, on the CPU: a state dict, or the one in a training's checkpoint.

    Args:
        path: ``.safetensors``, or what `torch.save` wrote (``.pth``, ``.pth.tar`` and so on).

    Raises:
        UsageError: no such file, TorchScript, objects that would have to be run, or no tensors by name.
        ShardFault: it is damaged.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers.pretrained.files import read_tensors
        >>> state = {"module.encoder_q.conv1.weight": torch.zeros(64, 3, 7, 7)}
        >>> torch.save({"epoch": 200, "state_dict": state}, "moco.pth.tar")
        >>> list(read_tensors(Path("moco.pth.tar")))
        ['module.encoder_q.conv1.weight']
    """
    if not path.is_file():
        raise UsageError("there is no such file of weights", where=str(path), remedy="check --checkpoint")
    if not path.stat().st_size:
        raise UsageError(
            f"{path.name} is no checkpoint",
            where=str(path),
            cause="it is empty",
            remedy="copy it again, or give another file",
        )
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    for wrapper in _WRAPPERS:
        inner = content.get(wrapper)
        if isinstance(inner, Mapping) and any(isinstance(value, Tensor) for value in inner.values()):
            content = inner
            break
    found = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not found:
        names = ", ".join(str(name) for name in list(content)[:5]) or "nothing"
        raise UsageError(
            "the file holds no tensors by name",
            where=str(path),
            cause=f"it holds {names}",
            remedy="give a state dict, alone or as `state_dict` or `model`",
        )
    return found


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def _read_torch(path: Path) -> Mapping[Any, Any]:
    if _is_torchscript(path):
        raise UsageError(
            "the file is TorchScript, which holds code",
            where=str(path),
            remedy="save the state dict of its model: torch.save(model.state_dict(), FILE)",
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported" not in str(error) and "GLOBAL" not in str(error) and "Can only" not in str(error):
            raise _damaged(path, error) from error
        raise UsageError(
            "the file holds objects, not only tensors and plain values: reading them could run code",
            where=str(path),
            cause=_wanted(str(error)),
            remedy="where you trust the file, save the state dict in it alone: "
            "torch.save(torch.load(FILE, weights_only=False)['state_dict'], NEW)",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error
    if not isinstance(content, Mapping):
        raise UsageError(
            f"the file holds a {type(content).__name__}, not tensors by name",
            where=str(path),
            remedy="give a state dict",
        )
    return content


def _is_torchscript(path: Path) -> bool:
    """Whether a zip has what only `torch.jit.save` writes."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _wanted(text: str) -> str:
    """The line of torch's message that names the object."""
    named = [line.strip() for line in text.splitlines() if "GLOBAL" in line]
    return (named or text.strip().splitlines() or ["no more is known"])[0]


def _damaged(path: Path, error: Exception) -> ShardFault:
    cause = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ShardFault(
        "a file of weights cannot be read",
        where=str(path),
        cause=cause,
        remedy="it may be cut short: compare its size and SHA-256 with the publisher's",
    )
