"""What a mask method is made of.

Its options, its entry in the table, and, when it is learned, its network.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..types import Method

if TYPE_CHECKING:
    from .network import Infer, NetworkInput


@dataclass(frozen=True, slots=True)
class MethodOptions:
    """What a learned method needs, which training-free ones ignore, and what follows any method.

    Args:
        weights: path of the checkpoint; empty for one that comes with maskgen.
        resize: ``official`` or ``antialias``, the kernel of the network's input.
        device: ``cpu`` or ``cuda``, or one GPU as ``cuda:1``.
        refine: ``crf``, ``guided``, ``vote``, ``none``, or ``auto``: the method's own choice.
        runtime: ``torch``, ``openvino`` or ``onnxruntime``, or ``auto``: the first installed of the
            network's order.
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


Precisions = Mapping[tuple[str, str], tuple[str, ...]]
"""What a network can be run in, by (runtime, device).

The runtime that ``auto`` takes first, the default precision first.
"""


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """The network of a learned method, as its folder describes it.

    Neither weights nor torch are loaded for it.

    Args:
        input: how photos are prepared, from the options; imports no torch.
        load: the network with its weights on its device, from resolved options.
        precisions: what it can be run in.
        packages: what must be installed whichever runtime runs it.
        declare: for a network that the user describes with `MethodOptions.network`: the complete description,
            as one line of text that is part of a run's fingerprint. None: the option is refused.
        onnx: what runs the network where its weights are an ONNX file; None: this one.
    """

    input: Callable[[MethodOptions], NetworkInput]
    load: Callable[[MethodOptions], Infer]
    precisions: Precisions
    packages: tuple[str, ...] = ("torch",)
    declare: Callable[[MethodOptions], str] | None = None
    onnx: NetworkSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSpec:
    """One entry of METHODS: a prior, a network, or masks that are there already.

    Args:
        summary: one line for `--help` and the docs.
        threshold: mask value from which a pixel counts as foreground.
        libraries: distributions whose version changes the result; part of the fingerprint, with those that a
            network's own entry names.
        prior: of a training-free method, the module of `maskgen.methods.priors` that holds it under the same
            name.
        network: of a learned method; its runtime is one more library.
        released: path of the weights that come with maskgen; empty: a learned method is given `--weights`, or
            fetches them where `networks/known.py` knows them.
        refine: the refinement that `--refine auto` stands for.
    """

    summary: str
    threshold: float
    libraries: tuple[str, ...]
    prior: str = ""
    network: NetworkSpec | None = None
    released: str = ""
    refine: str = "none"

    @property
    def looks_up(self) -> bool:
        """Whether masks are looked up where they are, which a run does, and none are made here."""
        return not self.prior and self.network is None

    def load_prior(self) -> Method:
        """The training-free method; its libraries are imported only now.

        Example:
            >>> from maskgen.methods import METHODS
            >>> METHODS["box"].load_prior().__name__
            'box'
        """
        method: Method = getattr(importlib.import_module(f"{__package__}.priors.{self.prior}"), self.prior)
        return method

    def refinement(self, wanted: str) -> str:
        """The refinement that `--refine` stands for: the method's own where that is ``auto``."""
        return self.refine if wanted == "auto" else wanted
