"""Masks by a network that learned from the training-free priors alone: no human label anywhere.

Nguyen et al., "DeepUSPS: deep robust unsupervised saliency prediction via self-supervision", NeurIPS 2019, as
trained by `maskgen deepusps run`. The file of weights says in its metadata which network it holds and for
which size.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.methods.network import NetworkInput
from maskgen.methods.spec import NetworkSpec, Precisions

if TYPE_CHECKING:
    from torch import Tensor

    from maskgen.methods.network import Infer
    from maskgen.methods.spec import MethodOptions

PRECISIONS: Precisions = {
    ("torch", "cpu"): ("fp32", "bf16"),
    ("torch", "cuda"): ("fp16", "fp32", "tf32", "bf16"),
}
"""What the network can be run in, by runtime and device, the default first."""
MAKER = "deepusps"
LARGEST_HEADER_BYTES = 100_000_000  # safetensors' own limit
LARGEST_SIDE_PX = 4096
RELEASED = Path(__file__).parents[3] / "release" / "deepusps.safetensors"
"""Comes with maskgen; the JSON beside it says how it was made."""
REMEDY = "give the .safetensors file that `maskgen deepusps run` or `export` wrote"


def deepusps_input(options: MethodOptions) -> NetworkInput:
    """How photos are prepared: as they were for the training, at the side that the weights name.

    Raises:
        UsageError: no such weights, no weights of this method, or an unknown kernel.
        EnvironmentFault: the file cannot be opened.
    """
    side = weights_side(weights_path(options), read_metadata(weights_path(options)))
    return NetworkInput(side, divisor="255", resize=options.resize)


def load_deepusps(options: MethodOptions) -> Infer:
    """The network with its weights, in torch.

    Args:
        options: resolved: runtime and precision are named and fit the device.

    Raises:
        UsageError: no such weights, or not this method's.
        EnvironmentFault: a package or GPU that is not here; a file that cannot be opened.
    """
    from .network import load_weights
    from .torch_runner import deepusps_infer

    photos = deepusps_input(options)
    path = weights_path(options)
    network = load_weights(path, read_metadata(path)["network"])
    return deepusps_infer(
        network, photos, device=options.device, precision=options.precision, compile=options.compile
    )


def encode_weights(state: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    """A checkpoint of this method as a .safetensors file; equal weights and metadata make equal bytes.

    Args:
        state: the network's state dict.
        metadata: at least ``network``, a name of `NETWORKS`, and ``side``, px; more is kept as it is.

    Raises:
        UsageError: `metadata` lacks a key.
        EnvironmentFault: safetensors is not installed.
    """
    if importlib.util.find_spec("safetensors") is None:
        raise EnvironmentFault("safetensors is not installed", remedy="pip install 'maskgen[train]'")
    absent = {"network", "side"} - metadata.keys()
    if absent:
        raise UsageError(
            f"the weights' metadata lack {', '.join(sorted(absent))}", remedy="add them to the metadata"
        )
    from safetensors.torch import save

    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    return _sort_metadata(save(tensors, {"maskgen": MAKER, **metadata}))


def _sort_metadata(data: bytes) -> bytes:
    """A safetensors file with its metadata sorted, so that equal weights are equal bytes.

    The library writes them in an order of chance.
    """
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors stay aligned
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def weights_path(options: MethodOptions) -> Path:
    """The path given with `--weights`, or that of the released ones.

    Raises:
        UsageError: there is no such file.
    """
    path = Path(options.weights or RELEASED)
    if not path.is_file():
        raise UsageError("there is no such weights file", where=str(path), remedy="check --weights")
    return path


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a checkpoint of this method; torch is not imported.

    Raises:
        UsageError: no safetensors file, or not one of this method.
        EnvironmentFault: it cannot be opened.

    Example:
        >>> from maskgen.methods.networks.deepusps.method import read_metadata
        >>> from maskgen.methods.networks.deepusps.method import RELEASED
        >>> sorted(read_metadata(RELEASED))[:3]
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
        if metadata["maskgen"] == MAKER and {"network", "side"} <= metadata.keys():
            return {str(key): str(value) for key, value in metadata.items()}
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    cause = "it has no metadata that say so"
    raise UsageError("this is no checkpoint of deepusps", where=str(path), cause=cause, remedy=REMEDY)


def weights_side(path: Path, metadata: dict[str, str]) -> int:
    """The side that a checkpoint's metadata name, px.

    Raises:
        UsageError: it is no number of pixels.
    """
    side = metadata["side"]
    if side.isdecimal() and 32 <= int(side) <= LARGEST_SIDE_PX:
        return int(side)
    raise UsageError(
        f"the weights name a side of {side[:20]!r} px", where=str(path), cause="a damaged file", remedy=REMEDY
    )


DEEPUSPS = NetworkSpec(deepusps_input, load_deepusps, PRECISIONS)
"""The network of `maskgen deepusps`."""
