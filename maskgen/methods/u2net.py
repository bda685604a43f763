"""U²-Net masks: an (H, W, 3) uint8 RGB photo in, an (H, W) float32 mask in [0, 1] out.

Preprocessing and postprocessing of Qin et al.'s own test code: 320x320, divided by the maximum, ImageNet mean and
standard deviation, min-max of the output, bilinear back to the photo's size.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maskgen.config import nearest
from maskgen.errors import EnvironmentFault, ImageFault, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from maskgen.methods import MethodOptions
    from maskgen.types import RGB, Method, SoftMask

SIDE_PX = 320
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
FLAT = 1e-6
"""Range of a map below which it is constant: stretching it would only amplify rounding."""
RESIZES = ("official", "antialias")
DEVICES = ("cpu", "cuda")
SOURCE = "https://github.com/xuebinqin/U-2-Net"


def load_u2net(name: str, options: MethodOptions) -> Method:
    """A mask method that runs `name` with the weights of `options`.

    float32 on the CPU; on a GPU float32 with cuDNN's default (TF32 convolutions: IoU .997 with float32, where
    bfloat16 has .958). The number of CPU threads is the caller's: torch's is set to 1 when OMP_NUM_THREADS is 1,
    and left alone otherwise.

    Args:
        name: ``u2net`` or ``u2netp``.
        options: the checkpoint's path, the resize kernel, the device.

    Raises:
        UsageError: no weights, wrong weights, an unknown kernel or device.
        EnvironmentFault: torch is not installed; ``cuda`` without a usable GPU; a file that cannot be opened.
    """
    for option, value, choices in (("resize", options.resize, RESIZES), ("device", options.device, DEVICES)):
        if value not in choices:
            raise UsageError(f"--{option} got {value!r}", remedy=nearest(value, list(choices)))
    if not options.weights:
        remedy = f"download {name}.pth ({SOURCE}) and give its path with --weights"
        raise UsageError(f"--method {name} needs its weights", remedy=remedy)
    _require_torch(options.device)
    import torch

    from maskgen.methods.u2net_network import fold_batch_norm
    from maskgen.methods.u2net_weights import load_network

    if os.environ.get("OMP_NUM_THREADS") == "1":
        torch.set_num_threads(1)
    network = fold_batch_norm(load_network(name, Path(options.weights)))
    network = network.to(device=options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return U2NetMask(network, options.resize, options.device)


def _require_torch(device: str) -> None:
    try:
        import torch
    except ImportError as error:
        remedy = "pip install 'maskgen[train]'"
        raise EnvironmentFault("learned methods need torch", cause=str(error), remedy=remedy) from error
    if device == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault(
            "--device cuda was asked for and torch sees no GPU",
            cause="no NVIDIA driver, or a torch without CUDA",
            remedy="run `maskgen doctor`, or give --device cpu",
        )


@dataclass(frozen=True, slots=True)
class U2NetMask:
    """The mask method around one loaded network.

    Args:
        network: (1, 3, 320, 320) float32 -> (1, 1, 320, 320) probabilities, in eval mode.
        resize: ``official`` or ``antialias``.
        device: where the network lies.
    """

    network: nn.Module
    resize: str = "official"
    device: str = "cpu"

    def __call__(self, image: RGB) -> SoftMask:
        """The (H, W) float32 mask in [0, 1] of an (H, W, 3) uint8 RGB image of any size.

        Raises:
            ImageFault: the network's map is not finite.
        """
        import torch

        pixels = resize_official(image) if self.resize == "official" else resize_antialias(image)
        x = torch.from_numpy(normalise(pixels).transpose(2, 0, 1)[None])
        with torch.inference_mode():
            probability = self.network(x.to(self.device, memory_format=torch.channels_last))
            mask = _to_size(stretch(probability.float()), image.shape[0], image.shape[1])
        return np.ascontiguousarray(mask[0, 0].cpu().numpy())


def normalise(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, S, 3) pixels of any positive scale as the network's input: over their maximum, minus mean, over std.

    Dividing by the image's own maximum, not by 255, is the authors' test code. Deviation: a black image stays
    zero before the mean is taken off, where theirs divides by zero.
    """
    top = float(pixels.max())
    return ((pixels / top if top > 0 else pixels) - MEAN) / STD


def resize_official(image: RGB, side: int = SIDE_PX) -> NDArray[np.float32]:
    """(side, side, 3) float32 in [0, 255]: two-tap bilinear without anti-aliasing, as the authors' loader.

    Equal to scikit-image's order-1 resize with ``mode="constant"``, which their loader calls: an enlarged image
    fades to black over its outermost half pixel, but not below the darkest value it holds anywhere. Only the
    pixels needed are read, ten times faster.

    Args:
        image: (H, W, 3) uint8 RGB.
        side: side of the result, px.
    """
    rows, columns = (_taps(length, side) for length in image.shape[:2])
    (left, left_weight), (right, right_weight) = columns
    both = np.concatenate((left, right))
    out = np.zeros((side, side * 3), np.float32)
    for y, weight in rows:
        taps = image.take(y, axis=0).take(both, axis=1)
        line = taps[:, :side].reshape(side, -1) * np.repeat(left_weight, 3)
        line += taps[:, side:].reshape(side, -1) * np.repeat(right_weight, 3)
        out += line * weight[:, None]
    return out.reshape(side, side, 3).clip(image.min(), image.max())


def _taps(length: int, side: int) -> list[tuple[NDArray[np.intp], NDArray[np.float32]]]:
    """The two source indices of each of `side` samples and their weights; zero beyond the edge."""
    centre = (np.arange(side) + 0.5) * (length / side) - 0.5
    low = np.floor(centre).astype(np.intp)
    taps = []
    for index, weight in ((low, low + 1 - centre), (low + 1, centre - low)):
        inside = (index >= 0) & (index < length)
        taps.append((index.clip(0, length - 1), np.where(inside, weight, 0).astype(np.float32)))
    return taps


def resize_antialias(image: RGB, side: int = SIDE_PX) -> NDArray[np.float32]:
    """(side, side, 3) float32 in [0, 255]: bilinear with anti-aliasing, rounded to whole values (torchvision, PIL).

    Args:
        image: (H, W, 3) uint8 RGB.
        side: side of the result, px.
    """
    import torch
    from torch.nn import functional

    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]  # copied: torch refuses read-only arrays
    small = functional.interpolate(x, size=(side, side), mode="bilinear", align_corners=False, antialias=True)
    return small[0].permute(1, 2, 0).numpy().astype(np.float32)


def stretch(probability: Tensor) -> Tensor:
    """Min-max of one map to [0, 1], as the authors' test code; a constant map becomes all zero (no object).

    Raises:
        ImageFault: the map holds values that are not finite.
    """
    low, high = probability.aminmax()
    span = float(high - low)
    if not np.isfinite(span):
        raise ImageFault("non-finite-mask", "the network's map holds NaN or infinity")
    return (probability - low) / span if span > FLAT else probability * 0


def _to_size(mask: Tensor, height: int, width: int) -> Tensor:
    """(1, 1, height, width), bilinear; anti-aliased when it shrinks, as Pillow does in the authors' code."""
    from torch.nn import functional

    size = (height, width)
    grown = functional.interpolate(mask, size=size, mode="bilinear", align_corners=False, antialias=True)
    return grown.clamp_(0, 1)
