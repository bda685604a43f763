"""The files of weights that maskgen's own trainings leave: safetensors, with metadata that say what they are.

Read here without torch: for which method, which network, and for photos of which size.
"""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

from maskgen.errors import EnvironmentFault, UsageError

from .recognize import other_method
from .tensors import sort_metadata

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

LARGEST_HEADER_BYTES = 100_000_000  # safetensors' own limit
LARGEST_SIDE_PX = 4096
MAKERS = {
    "deepusps": "give the .safetensors file that `maskgen deepusps run` or `export` wrote",
    "student": "give the .safetensors file that `maskgen distill` wrote",
}
"""The methods that have such files, and where a user gets one."""


def encode_weights(maker: str, state: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    """A checkpoint as a .safetensors file; equal weights and metadata make equal bytes.

    Args:
        maker: the method that it is for, a name of `MAKERS`.
        state: the network's state dict.
        metadata: at least ``network``, the network's name, and ``side``, px; more is kept as it is.

    Raises:
        UsageError: `metadata` lacks a key.
        EnvironmentFault: safetensors is not installed.
    """
    if importlib.util.find_spec("safetensors") is None:
        raise EnvironmentFault("safetensors is not installed", remedy="pip install safetensors")
    absent = {"network", "side"} - metadata.keys()
    if absent:
        raise UsageError(
            f"the weights' metadata lack {', '.join(sorted(absent))}", remedy="add them to the metadata"
        )
    from safetensors.torch import save

    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    return sort_metadata(save(tensors, {**metadata, "maskgen": maker}))


def read_metadata(maker: str, path: Path) -> dict[str, str]:
    """The metadata of a checkpoint; torch is not imported.

    Args:
        maker: the method that it must be for.
        path: of the file.

    Raises:
        UsageError: no safetensors file, or none of this method.
        EnvironmentFault: it cannot be opened.

    Example:
        >>> from maskgen.methods.networks.checkpoint import read_metadata
        >>> from maskgen.methods.networks.deepusps.method import RELEASED
        >>> sorted(read_metadata("deepusps", RELEASED))[:3]
        ['data', 'maskgen', 'network']
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = file.read(length) if length <= LARGEST_HEADER_BYTES else b""
    except OSError as error:
        raise EnvironmentFault(
            "the weights cannot be read",
            where=str(path),
            cause=str(error),
            remedy="check --weights, and that the file may be read",
        ) from error
    try:
        metadata = json.loads(header)["__metadata__"]
        found = {str(key): str(value) for key, value in metadata.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        found = {}
    if found.get("maskgen") == maker and {"network", "side"} <= found.keys():
        return found
    cause, remedy = other_method(path, maker)
    raise UsageError(
        f"this is no checkpoint of {maker}",
        where=str(path),
        cause=cause or "it has no metadata that say so",
        remedy=remedy or MAKERS[maker],
    )


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """A checkpoint's tensors as they are stored; torch is not imported.

    Args:
        path: of a .safetensors file.

    Raises:
        UsageError: it is no such file, or damaged.
        EnvironmentFault: it cannot be opened, or safetensors is not installed.

    Example:
        >>> from maskgen.methods.networks.checkpoint import read_arrays
        >>> from maskgen.methods.networks.deepusps.method import RELEASED
        >>> {one.dtype.name for one in read_arrays(RELEASED).values()} <= {"float16", "int64"}
        True
    """
    if importlib.util.find_spec("safetensors") is None:
        raise EnvironmentFault("safetensors is not installed", remedy="pip install safetensors")
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays: dict[str, NDArray[Any]] = load_file(path)
    except OSError as error:
        raise EnvironmentFault(
            "the weights cannot be read", where=str(path), cause=str(error), remedy="check --weights"
        ) from error
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise UsageError(
            "the weights are damaged", where=str(path), cause=str(error), remedy="copy or download them again"
        ) from error
    return arrays


def weights_side(maker: str, path: Path, metadata: dict[str, str]) -> int:
    """The side that a checkpoint's metadata name, px.

    Args:
        maker: the method that the checkpoint is for.
        path: of the file, for the error.
        metadata: what `read_metadata` gave.

    Raises:
        UsageError: it is no number of pixels.

    Example:
        >>> from maskgen.methods.networks.checkpoint import read_metadata, weights_side
        >>> from maskgen.methods.networks.deepusps.method import RELEASED
        >>> weights_side("deepusps", RELEASED, read_metadata("deepusps", RELEASED)) % 32
        0
    """
    side = metadata["side"]  # a damaged one may have more digits than int() takes
    if side.isdecimal() and len(side) < 9 and 32 <= int(side) <= LARGEST_SIDE_PX:
        return int(side)
    raise UsageError(
        f"the weights name a side of {side[:20]!r} px",
        where=str(path),
        cause="a damaged file",
        remedy=MAKERS[maker],
    )
