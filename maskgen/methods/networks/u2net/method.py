"""U²-Net masks with the authors' checkpoints, or an ONNX file of the network.

Preprocessing and postprocessing of Qin et al.'s own test code: 320x320, divided by the maximum, ImageNet mean
and standard deviation, min-max of the output, bilinear back to the photo's size.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from maskgen.errors import UsageError
from maskgen.methods.network import NetworkInput
from maskgen.methods.spec import NetworkSpec, Precisions

from ..onnx.method import declared_network

if TYPE_CHECKING:
    from maskgen.methods.network import Infer
    from maskgen.methods.spec import MethodOptions

SIDE_PX = 320
PRECISIONS: Precisions = {
    ("openvino", "cpu"): ("fp32", "bf16", "mixed"),
    ("onnxruntime", "cpu"): ("fp32",),
    ("torch", "cpu"): ("fp32", "bf16", "mixed"),
    ("torch", "cuda"): ("fp16", "fp32", "tf32", "bf16", "mixed"),
    ("onnxruntime", "cuda"): ("tf32", "fp32"),
}


def u2net_input(options: MethodOptions) -> NetworkInput:
    """How U²-Net's photos are prepared.

    Raises:
        UsageError: an unknown kernel.
    """
    return NetworkInput(SIDE_PX, divisor="max", resize=options.resize)


def load_u2net(name: str, options: MethodOptions) -> Infer:
    """U²-Net with its weights, in one of the three runtimes.

    Args:
        name: ``u2net`` or ``u2netp``.
        options: resolved: runtime and precision are named and fit the device.

    Raises:
        UsageError: no weights, wrong weights, an unknown kernel.
        EnvironmentFault: a package or GPU that is not here; a file that cannot be opened.
    """
    photos = u2net_input(options)
    if not options.weights:
        remedy = f"maskgen weights get {name} fetches them"
        raise UsageError(f"{name} needs the path of its weights", remedy=remedy)
    from .weights import load_network

    network = load_network(name, Path(options.weights))
    if options.runtime == "torch":
        from .torch_runner import torch_infer

        return torch_infer(
            network, photos, device=options.device, precision=options.precision, compile=options.compile
        )
    if options.runtime == "openvino":
        from .openvino_runner import openvino_infer

        return openvino_infer(network, photos, precision=options.precision)
    from ..onnx.declaration import KNOWN
    from ..onnx.session import onnx_infer
    from ..onnx.write import written_model
    from .onnx_export import u2net_to_onnx

    return onnx_infer(
        written_model(u2net_to_onnx(network, SIDE_PX, name), SIDE_PX),
        photos,
        KNOWN["u2net"].output,
        runtime=options.runtime,
        device=options.device,
        precision=options.precision,
    )


def _spec(name: str) -> NetworkSpec:
    """Of one of the two, with the authors' checkpoint or as an ONNX file."""
    as_onnx = declared_network("u2net", name, free_resize=True)
    return NetworkSpec(u2net_input, partial(load_u2net, name), PRECISIONS, onnx=as_onnx)


U2NET = _spec("u2net")
"""The large network, 176 MB of weights."""
U2NETP = _spec("u2netp")
"""The small one, 4.7 MB."""
