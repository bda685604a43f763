"""Mask methods: an (H, W, 3) uint8 RGB photo in, an (H, W) float32 mask in [0, 1] out.

`registry` is the table of them and says how one is added; `make` builds one, `make_mask` applies one to an
array. `priors` are the training-free methods, `networks` the learned ones, `refine` moves masks onto a
photo's edges.
"""

from __future__ import annotations

from .make import make_mask, make_method
from .precision_check import PrecisionReport, check_precision
from .registry import METHODS
from .resolve import load_network, network_input, resolve_network
from .spec import MethodOptions, MethodSpec, NetworkSpec

__all__ = [
    "METHODS",
    "MethodOptions",
    "MethodSpec",
    "NetworkSpec",
    "PrecisionReport",
    "check_precision",
    "load_network",
    "make_mask",
    "make_method",
    "network_input",
    "resolve_network",
]
