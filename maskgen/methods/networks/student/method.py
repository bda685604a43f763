"""Masks by a student: a small network that `maskgen distill` has taught by slower or noisier methods.

The file of weights says in its metadata which network it holds and for photos of which size. Maps are not
stretched: where nothing stands out the map stays empty.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from maskgen.errors import UsageError
from maskgen.methods.network import NetworkInput
from maskgen.methods.spec import NetworkSpec, Precisions

from ..checkpoint import MAKERS, read_arrays, read_metadata, weights_side

if TYPE_CHECKING:
    from maskgen.methods.network import Infer
    from maskgen.methods.spec import MethodOptions

PRECISIONS: Precisions = {
    ("onnxruntime", "cpu"): ("fp32",),
    ("openvino", "cpu"): ("fp32", "bf16"),
    ("torch", "cpu"): ("fp32", "bf16"),
    ("torch", "cuda"): ("fp16", "fp32", "tf32", "bf16"),
    ("onnxruntime", "cuda"): ("tf32", "fp32"),
}
"""What the network can be run in, by runtime and device.

On a CPU what the base brings comes first, so that masks do not depend on what else is installed; OpenVINO is
about as fast.
"""
MAKER = "student"
FAST_WEIGHTS = Path(__file__).parents[3] / "release" / "fast.safetensors"
FREE_WEIGHTS = FAST_WEIGHTS.with_name("free.safetensors")
"""They come with maskgen; the JSON beside them says how they were made."""
STRIDE = 32
"""Of the coarsest map: sides divide by it."""
MEAN, STD = (127 / 255, 127 / 255, 127 / 255), (128 / 255, 128 / 255, 128 / 255)
"""Of the released EfficientNet-lite classifiers: (RGB - 127) / 128."""


def student_input(options: MethodOptions) -> NetworkInput:
    """How photos are prepared: at the side that the weights name.

    Raises:
        UsageError: no such weights, no weights of this method, or an unknown kernel.
        EnvironmentFault: the file cannot be opened.
    """
    path = weights_path(options)
    side = weights_side(MAKER, path, read_metadata(MAKER, path))
    if side % STRIDE:
        raise UsageError(
            f"the weights name a side of {side} px, which does not divide by {STRIDE}",
            where=str(path),
            cause="a damaged file",
            remedy=MAKERS[MAKER],
        )
    return NetworkInput(side, MEAN, STD, divisor="255", resize=options.resize)


def load_student(options: MethodOptions) -> Infer:
    """A student with its weights, in one of the three runtimes.

    Args:
        options: resolved: runtime and precision are named and fit the device.

    Raises:
        UsageError: no such weights, or not this method's.
        EnvironmentFault: a package or GPU that is not here; a file that cannot be opened.
    """
    path, photos = weights_path(options), student_input(options)
    name = read_metadata(MAKER, path)["network"]
    if options.runtime == "torch":
        from . import weights
        from .torch_runner import student_infer

        network = weights.load_student(path, name)
        return student_infer(
            network, photos, device=options.device, precision=options.precision, compile=options.compile
        )
    from ..onnx.declaration import NetworkOutput
    from ..onnx.session import onnx_infer
    from ..onnx.write import written_model
    from .onnx_export import student_to_onnx

    return onnx_infer(
        written_model(student_to_onnx(read_arrays(path), photos, name), photos.side),
        photos,
        NetworkOutput(0),
        runtime=options.runtime,
        device=options.device,
        precision=options.precision,
    )


def weights_path(options: MethodOptions) -> Path:
    """The path given with `--weights`.

    Raises:
        UsageError: there is none, or no such file.
    """
    if not options.weights:
        raise UsageError(
            "--method student needs its weights",
            remedy="maskgen distill makes them for your own photos; give the file with --weights",
        )
    path = Path(options.weights)
    if not path.is_file():
        raise UsageError("there is no such weights file", where=str(path), remedy="check --weights")
    return path


def _released(path: Path) -> NetworkSpec:
    """A student that comes with maskgen; `--weights` gives others of its kind."""

    def fill(options: MethodOptions) -> MethodOptions:
        return options if options.weights else dataclasses.replace(options, weights=str(path))

    return NetworkSpec(
        lambda options: student_input(fill(options)),
        lambda options: load_student(fill(options)),
        PRECISIONS,
        packages=(),
    )


STUDENT = NetworkSpec(student_input, load_student, PRECISIONS, packages=())
"""A network of `maskgen distill`."""
FAST = _released(FAST_WEIGHTS)
"""The student of U²-Net-p that comes with maskgen."""
FREE = _released(FREE_WEIGHTS)
"""The student of `deepvote` that comes with maskgen."""
