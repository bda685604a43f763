"""TokenCut and FOUND: masks from the features of a ViT that has learned without labels.

TokenCut is `cut`. FOUND: Siméoni et al., "Unsupervised object localization: observing the background to
discover objects", CVPR 2023 (https://arxiv.org/abs/2212.07834): a 1x1 convolution over the same keys,

    mask = sigmoid(w . k_i + b)

whose 1 + C numbers were learned from masks of the background. Only the learned convolution is here, not what
it was learned with; its numbers must be in the file of weights.

Deviations of both: photos are squeezed to a square of 448 px, where the authors keep the photo's size
(rounded to whole patches for TokenCut, padded for FOUND); the map of patches is enlarged bilinearly, where
TokenCut repeats its nearest value; no bilateral solver (`--refine` has other filters). No published weights
were at hand: the networks are checked on random weights, and the quality of their masks is not measured here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from maskgen.errors import UsageError
from maskgen.methods.network import NetworkInput
from maskgen.methods.spec import NetworkSpec, Precisions

if TYPE_CHECKING:
    from torch import Tensor, nn

    from maskgen.methods.network import Infer
    from maskgen.methods.spec import MethodOptions

    from .layers import ViT

SIDE_PX = 448
"""A multiple of the patches of DINO (8 and 16 px) and DINOv2 (14 px)."""
PRECISIONS: Precisions = {("torch", "cpu"): ("fp32",), ("torch", "cuda"): ("fp32",)}
"""TokenCut cuts cosines at a level, which rounding would move."""
_HOW = "see 'Heads over a ViT' in docs/how-to/networks.md"


def vit_input(options: MethodOptions) -> NetworkInput:
    """How photos are prepared.

    Raises:
        UsageError: an unknown kernel.
    """
    return NetworkInput(SIDE_PX, divisor="255", resize=options.resize)


def load_tokencut(options: MethodOptions) -> Infer:
    """The ViT of the weights, and the cut.

    Args:
        options: resolved: runtime and precision are named and fit the device.

    Raises:
        UsageError: no weights, or not those of a known ViT.
        EnvironmentFault: a package or GPU that is not here; a file that cannot be opened.
    """
    from .torch_runner import CutHead

    vit, _ = _load("tokencut", options)
    return _infer(vit, CutHead(), options)


def load_found(options: MethodOptions) -> Infer:
    """The ViT of the weights, and the convolution in the same file.

    Args:
        options: resolved: runtime and precision are named and fit the device.

    Raises:
        UsageError: no weights, not those of a known ViT, or without the convolution.
        EnvironmentFault: a package or GPU that is not here; a file that cannot be opened.
    """
    from .torch_runner import ConvolutionHead
    from .weights import HEAD

    vit, head = _load("found", options)
    wanted = {"weight": (1, vit.shape.width, 1, 1), "bias": (1,)}
    given = {name: tuple(tensor.shape) for name, tensor in head.items()}
    if given != wanted:
        raise UsageError(
            "the weights hold no head of FOUND that fits their ViT",
            where=options.weights,
            cause="; ".join(f"{HEAD}{k} is {given.get(k, 'absent')}, not {wanted[k]}" for k in wanted),
            remedy=f"put the head and its ViT into one file ({_HOW}), or use --method tokencut",
        )
    return _infer(vit, ConvolutionHead(**head), options)


def _load(name: str, options: MethodOptions) -> tuple[ViT, dict[str, Tensor]]:
    if not options.weights:
        raise UsageError(
            f"--method {name} needs its weights",
            remedy=f"give the path of a ViT of DINO or DINOv2 with --weights; {_HOW}",
        )
    from .weights import load_vit

    vit, head = load_vit(Path(options.weights))
    if SIDE_PX % vit.shape.patch:
        raise UsageError(
            f"the ViT has patches of {vit.shape.patch} px",
            where=options.weights,
            cause=f"photos are {SIDE_PX} px a side, which is no multiple of it",
            remedy="give one with patches of 8, 14 or 16 px",
        )
    return vit, head


def _infer(vit: ViT, head: nn.Module, options: MethodOptions) -> Infer:
    from .torch_runner import vit_infer

    return vit_infer(vit, head, vit_input(options), device=options.device, compile=options.compile)


TOKENCUT = NetworkSpec(vit_input, load_tokencut, PRECISIONS)
FOUND = NetworkSpec(vit_input, load_found, PRECISIONS)
