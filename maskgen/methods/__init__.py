"""Mask methods: an (H, W, 3) uint8 RGB photo in, an (H, W) float32 mask in [0, 1] out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..types import Method
from .networks.deepusps.method import RELEASED
from .precision_check import PrecisionReport, check_precision
from .resolve import load_network, network_input, resolve_network

__all__ = [
    "METHODS",
    "MethodOptions",
    "MethodSpec",
    "PrecisionReport",
    "check_precision",
    "load_network",
    "make_method",
    "network_input",
    "resolve_network",
]


@dataclass(frozen=True, slots=True)
class MethodOptions:
    """What a learned method needs, which training-free ones ignore, and what follows any method.

    Args:
        weights: path of the checkpoint.
        resize: ``official`` or ``antialias``, the kernel of the network's input.
        device: ``cpu`` or ``cuda``, or one GPU as ``cuda:1``.
        refine: ``crf``, ``guided``, ``none``, or ``auto``: the method's own choice.
        runtime: ``torch``, ``openvino`` or ``onnxruntime``, or ``auto``: the fastest that is installed.
        precision: ``fp32``, ``tf32``, ``fp16``, ``bf16`` or ``mixed``, or ``auto``.
        network: of `onnx`: a known name or the path of a TOML file that declares input and output.
        compile: whether torch.compile is used.
    """

    weights: str = ""
    resize: str = "antialias"
    device: str = "cpu"
    refine: str = "auto"
    runtime: str = "auto"
    precision: str = "auto"
    network: str = ""
    compile: bool = False


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """One entry of METHODS.

    Args:
        make: builds the method; imports its libraries only then.
        threshold: mask value from which a pixel counts as foreground.
        summary: one line for `--help` and the docs.
        libraries: distributions whose version changes the result; part of the fingerprint.
        released: path of the weights that come with maskgen; empty: a learned method needs `--weights`.
        refine: the refinement that `--refine auto` stands for.
        network: whether it is a learned method: `network_input`, `load_network`, `resolve_network` and
            `check_precision` know it, and the runtime is one more library.
    """

    make: Callable[[MethodOptions], Method]
    threshold: float
    summary: str
    libraries: tuple[str, ...]
    released: str = ""
    refine: str = "none"
    network: bool = False

    def refinement(self, wanted: str) -> str:
        """The refinement that `--refine` stands for: the method's own where that is ``auto``."""
        return self.refine if wanted == "auto" else wanted


def _rbd(options: MethodOptions) -> Method:  # noqa: ARG001
    from .priors.rbd import rbd

    return rbd


def _mr(options: MethodOptions) -> Method:  # noqa: ARG001
    from .priors.mr import mr

    return mr


def _dsr(options: MethodOptions) -> Method:  # noqa: ARG001
    from .priors.dsr import dsr

    return dsr


def _mc(options: MethodOptions) -> Method:  # noqa: ARG001
    from .priors.mc import mc

    return mc


def _vote(options: MethodOptions) -> Method:  # noqa: ARG001
    from .priors.vote import vote

    return vote


def _box(options: MethodOptions) -> Method:  # noqa: ARG001
    from .priors.box import box

    return box


def _u2net(options: MethodOptions) -> Method:
    return _network("u2net", options)


def _u2netp(options: MethodOptions) -> Method:
    return _network("u2netp", options)


def _deepusps(options: MethodOptions) -> Method:
    return _network("deepusps", options)


def _onnx(options: MethodOptions) -> Method:
    return _network("onnx", options)


def _network(name: str, options: MethodOptions) -> Method:
    from .networks.network import NetworkMethod

    options = resolve_network(name, options)
    return NetworkMethod(network_input(name, options), load_network(name, options))


_PRIOR_LIBRARIES = ("numpy", "scipy", "scikit-image", "opencv-python-headless")
_ONNX_LIBRARIES = (
    "numpy",
    "scipy",
    "opencv-python-headless",
    "pillow",
)  # and the runtime; scipy: --refine crf
_NET_LIBRARIES = (*_ONNX_LIBRARIES, "torch")  # which reads the weights whatever runs the network

METHODS: dict[str, MethodSpec] = {
    "rbd": MethodSpec(
        _rbd, 0.25, "RBD, boundary connectivity (Zhu et al., CVPR 2014); no weights", _PRIOR_LIBRARIES
    ),
    "mr": MethodSpec(
        _mr, 0.30, "MR, manifold ranking (Yang et al., CVPR 2013); no weights", _PRIOR_LIBRARIES
    ),
    "dsr": MethodSpec(
        _dsr,
        0.23,
        "DSR, dense and sparse reconstruction (Li et al., ICCV 2013); no weights",
        _PRIOR_LIBRARIES,
    ),
    "mc": MethodSpec(
        _mc, 0.31, "MC, absorbing Markov chain (Jiang et al., ICCV 2013); no weights", _PRIOR_LIBRARIES
    ),
    "vote": MethodSpec(
        _vote,
        0.5,
        "RBD, MR, MC and DSR together, carried on by the photo's colors; no weights",
        _PRIOR_LIBRARIES,
        refine="crf",
    ),
    "u2net": MethodSpec(
        _u2net,
        0.5,
        "U²-Net (Qin et al., 2020); needs --weights",
        _NET_LIBRARIES,
        network=True,
    ),
    "u2netp": MethodSpec(
        _u2netp,
        0.5,
        "U²-Net-p, 4.7 MB; needs --weights",
        _NET_LIBRARIES,
        network=True,
    ),
    "deepusps": MethodSpec(
        _deepusps,
        0.5,
        "DeepUSPS (Nguyen et al., NeurIPS 2019), learned from the priors, and voting with them",
        _NET_LIBRARIES,
        released=str(RELEASED),
        refine="vote",  # own: the released test has crf
        network=True,
    ),
    "onnx": MethodSpec(
        _onnx,
        0.5,
        "any saliency network as an ONNX file; needs --weights and --network",
        _ONNX_LIBRARIES,
        network=True,
    ),
    "box": MethodSpec(_box, 0.5, "a centered box, to measure everything but the method", ("numpy", "scipy")),
}


def make_method(name: str, options: MethodOptions) -> Method:
    """Build a method of METHODS with its refinement.

    Raises:
        UsageError: no such refinement; what the method itself raises.
    """
    spec = METHODS[name]
    method = spec.make(options)
    refine = spec.refinement(options.refine)
    if refine == "none":
        return method
    from .refine.registry import refined

    return refined(method, refine, spec.threshold)
