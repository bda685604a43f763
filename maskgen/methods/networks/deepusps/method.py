"""Masks by a network that learned from the training-free priors alone: no human label anywhere.

Nguyen et al., "DeepUSPS: deep robust unsupervised saliency prediction via self-supervision", NeurIPS 2019, as
trained by `maskgen deepusps run`. The file of weights says in its metadata which network it holds and for
which size.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from maskgen.errors import UsageError
from maskgen.methods.network import NetworkInput
from maskgen.methods.spec import NetworkSpec, Precisions

from ..checkpoint import read_metadata, weights_side

if TYPE_CHECKING:
    from maskgen.methods.network import Infer
    from maskgen.methods.spec import MethodOptions

PRECISIONS: Precisions = {
    ("torch", "cpu"): ("fp32", "bf16"),
    ("torch", "cuda"): ("fp16", "fp32", "tf32", "bf16"),
}
"""What the network can be run in, by runtime and device, the default first."""
MAKER = "deepusps"
RELEASED = Path(__file__).parents[3] / "release" / "deepusps.safetensors"
"""Comes with maskgen; the JSON beside it says how it was made."""


def deepusps_input(options: MethodOptions) -> NetworkInput:
    """How photos are prepared: as they were for the training, at the side that the weights name.

    Raises:
        UsageError: no such weights, no weights of this method, or an unknown kernel.
        EnvironmentFault: the file cannot be opened.
    """
    path = weights_path(options)
    side = weights_side(MAKER, path, read_metadata(MAKER, path))
    return NetworkInput(side, divisor="255", resize=options.resize)


def load_deepusps(options: MethodOptions) -> Infer:
    """The network with its weights, in torch.

    Args:
        options: resolved: runtime and precision are named and fit the device.

    Raises:
        UsageError: no such weights, or not this method's.
        EnvironmentFault: a package or GPU that is not here; a file that cannot be opened.
    """
    photos = deepusps_input(options)  # refuses what is not ours before the libraries below are imported
    path = weights_path(options)
    from .network import load_weights
    from .torch_runner import deepusps_infer

    network = load_weights(path, read_metadata(MAKER, path)["network"])
    return deepusps_infer(
        network, photos, device=options.device, precision=options.precision, compile=options.compile
    )


def weights_path(options: MethodOptions) -> Path:
    """The path given with `--weights`, or that of the released ones.

    Raises:
        UsageError: there is no such file.
    """
    path = Path(options.weights or RELEASED)
    if not path.is_file():
        raise UsageError("there is no such weights file", where=str(path), remedy="check --weights")
    return path


DEEPUSPS = NetworkSpec(deepusps_input, load_deepusps, PRECISIONS)
"""The network of `maskgen deepusps`."""
