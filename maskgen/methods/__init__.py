"""Mask methods: an (H, W, 3) uint8 RGB photo in, an (H, W) float32 mask in [0, 1] out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from maskgen.types import Method


@dataclass(frozen=True, slots=True)
class MethodOptions:
    """What a learned method needs, which training-free ones ignore, and what follows any method.

    Args:
        weights: path of the checkpoint.
        resize: ``official`` or ``antialias``, the kernel of the network's input.
        device: ``cpu`` or ``cuda``.
        refine: ``crf``, ``guided``, ``none``, or ``auto``: the method's own choice.
    """

    weights: str = ""
    resize: str = "official"
    device: str = "cpu"
    refine: str = "auto"


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """One entry of METHODS.

    Args:
        make: builds the method; imports its libraries only then.
        threshold: mask value from which a pixel counts as foreground.
        summary: one line for `--help` and the docs.
        libraries: distributions whose version changes the result; part of the fingerprint.
        needs_weights: whether `--weights` must be given.
        refine: the refinement that `--refine auto` stands for.
    """

    make: Callable[[MethodOptions], Method]
    threshold: float
    summary: str
    libraries: tuple[str, ...]
    needs_weights: bool = False
    refine: str = "none"


def _rbd(options: MethodOptions) -> Method:  # noqa: ARG001
    from maskgen.methods.rbd import rbd

    return rbd


def _mr(options: MethodOptions) -> Method:  # noqa: ARG001
    from maskgen.methods.mr import mr

    return mr


def _dsr(options: MethodOptions) -> Method:  # noqa: ARG001
    from maskgen.methods.dsr import dsr

    return dsr


def _mc(options: MethodOptions) -> Method:  # noqa: ARG001
    from maskgen.methods.mc import mc

    return mc


def _vote(options: MethodOptions) -> Method:  # noqa: ARG001
    from maskgen.methods.fusion import vote

    return vote


def _box(options: MethodOptions) -> Method:  # noqa: ARG001
    from maskgen.methods.box import box

    return box


def _u2net(options: MethodOptions) -> Method:
    from maskgen.methods.u2net import load_u2net

    return load_u2net("u2net", options)


def _u2netp(options: MethodOptions) -> Method:
    from maskgen.methods.u2net import load_u2net

    return load_u2net("u2netp", options)


_PRIOR_LIBRARIES = ("numpy", "scipy", "scikit-image", "opencv-python-headless")
_NET_LIBRARIES = ("numpy", "scipy", "opencv-python-headless", "torch")  # scipy: --refine crf

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
        "RBD, MR, MC and DSR together, carried on by the photo's colours; no weights",
        _PRIOR_LIBRARIES,
        refine="crf",
    ),
    "u2net": MethodSpec(
        _u2net, 0.5, "U²-Net (Qin et al., 2020); needs --weights", _NET_LIBRARIES, needs_weights=True
    ),
    "u2netp": MethodSpec(
        _u2netp, 0.5, "U²-Net-p, 4.7 MB; needs --weights", _NET_LIBRARIES, needs_weights=True
    ),
    "box": MethodSpec(_box, 0.5, "a centred box, to measure everything but the method", ("numpy", "scipy")),
}


def make_method(name: str, options: MethodOptions) -> Method:
    """Build a method of METHODS with its refinement.

    Raises:
        UsageError: no such refinement; what the method itself raises.
    """
    spec = METHODS[name]
    method = spec.make(options)
    refine = spec.refine if options.refine == "auto" else options.refine
    if refine == "none":
        return method
    from maskgen.methods.refinement import refined

    return refined(method, refine, spec.threshold)
