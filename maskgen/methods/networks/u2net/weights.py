"""Checkpoints of U²-Net: read without running code from them, checked key by key."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from maskgen.config.suggest import nearest
from maskgen.errors import EnvironmentFault, UsageError

from ..recognize import other_method
from .layers import STAGES, U2Net

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".pth", ".pt", ".safetensors")
SHOWN = 3
"""Keys named per kind of difference; the rest is counted."""


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict of a checkpoint, on the CPU.

    Raises:
        UsageError: no such file, an unknown suffix, or contents that are not a state dict.
        EnvironmentFault: the file cannot be opened, or safetensors is not installed.
    """
    if not path.is_file():
        raise UsageError("there is no such weights file", where=str(path), remedy="check --weights")
    if path.suffix not in SUFFIXES:
        cause, other = other_method(path)
        remedy = other or f"give a state dict with the suffix {', '.join(SUFFIXES)}"
        raise UsageError(
            "the suffix of the weights file is unknown", where=str(path), cause=cause, remedy=remedy
        )
    try:
        state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    except PermissionError as error:
        raise EnvironmentFault(
            "the weights cannot be read", where=str(path), cause=str(error), remedy="allow reading the file"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UsageError(
            "the weights file holds no plain state dict",
            where=str(path),
            cause="it is a whole checkpoint or a pickled model",
            remedy="save model.state_dict() alone",
        )
    return state


def _read_torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle raises what it likes
        cause, remedy = other_method(path)
        raise UsageError(
            "the weights cannot be read",
            where=str(path),
            cause=cause or "it is truncated, not a torch file, or pickles more than tensors",
            remedy=remedy or "download it again",
        ) from error


def _read_safetensors(path: Path) -> Any:
    if importlib.util.find_spec("safetensors") is None:
        remedy = "pip install safetensors, or give a .pth file"
        raise EnvironmentFault("safetensors is not installed", where=str(path), remedy=remedy)
    # Loaded by name: an optional package that this project does not depend on.
    reader = importlib.import_module("safetensors.torch")
    try:
        return reader.load_file(str(path), device="cpu")
    except (ValueError, RuntimeError, importlib.import_module("safetensors").SafetensorError) as error:
        raise UsageError(
            "the weights cannot be read", where=str(path), cause=str(error), remedy="download it again"
        ) from error


def load_network(name: str, path: Path) -> U2Net:
    """The network `name` with the weights of `path`, in eval mode, float32, on the CPU.

    Args:
        name: ``u2net`` or ``u2netp``.
        path: a state dict with the parameter names of the authors' checkpoints.

    Raises:
        UsageError: an unknown name; a file that is no state dict of this network, with what differs.
        EnvironmentFault: the file cannot be opened.
    """
    if name not in STAGES:
        raise UsageError(f"unknown network {name!r}", remedy=nearest(name, list(STAGES)))
    state = read_state(path)
    network = U2Net(name)
    lines = state_differences(network.state_dict(), state)
    if lines:
        cause, remedy = other_method(path, name)
        raise UsageError(
            f"the weights are not those of {name}",
            where=str(path),
            cause=cause or "; ".join(lines),
            remedy=_other_network(name, state) or remedy or f"give the authors' {name}.pth",
        )
    require_finite(state, path, "download them again")
    network.load_state_dict(state, strict=True)
    return network.eval()


def broken_keys(state: dict[str, Tensor]) -> list[str]:
    """The names of tensors with values that are not finite."""
    return [key for key, value in state.items() if not bool(torch.isfinite(value).all())]


def require_finite(state: dict[str, Tensor], path: Path, remedy: str) -> None:
    """See that all values of a state dict are finite.

    Args:
        state: of a network.
        path: of its file, for the error.
        remedy: what to do if they are not.

    Raises:
        UsageError: some are not.
    """
    if broken := broken_keys(state):
        raise UsageError(
            "the weights hold values that are not finite",
            where=str(path),
            cause=_name_some("in", broken),
            remedy=remedy,
        )


def state_differences(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> list[str]:
    """What differs between two state dicts, by key and shape; empty when they fit.

    Example:
        >>> from maskgen.methods.networks.u2net.weights import state_differences
        >>> import torch
        >>> state_differences({"a": torch.zeros(2), "b": torch.zeros(1)}, {"a": torch.zeros(3)})
        ['missing b', 'shape of a (3,) instead of (2,)']
    """
    missing = [key for key in wanted if key not in given]
    surplus = [key for key in given if key not in wanted]
    shapes = [
        f"{key} {tuple(given[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
    ]
    kinds = (("missing", missing), ("unknown", surplus), ("shape of", shapes))
    return [_name_some(kind, keys) for kind, keys in kinds if keys]


def _name_some(kind: str, keys: list[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return f"{kind} {', '.join(keys[:SHOWN])}{more}"


def _other_network(name: str, state: dict[str, Tensor]) -> str:
    for other in STAGES:
        if other != name and not state_differences(U2Net(other).state_dict(), state):
            return f"these are weights of {other}: use --method {other}"
    return ""
