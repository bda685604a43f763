"""U²-Net run by torch, on a CPU or a GPU."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from maskgen.errors import EnvironmentFault, ImageFault

from ..onnx.arrays import FLAT
from .layers import U2Net, cast, fold_batch_norm, offset_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.methods.network import Infer, NetworkInput

HALF = {"cpu": torch.bfloat16, "cuda": torch.float16}
"""What `mixed` is mixed with: a CPU has no fast float16, and bfloat16 moves the masks more."""
HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}
"""The half precisions by their names."""


def torch_infer(
    network: U2Net,
    input: NetworkInput,  # noqa: A002 - the contract's name
    *,
    device: str,
    precision: str,
    compile: bool = False,  # noqa: A002 - the option's name
) -> Infer:
    """Put a network on its device.

    The number of CPU threads is the caller's: it is set to 1 when OMP_NUM_THREADS is 1, and left alone
    otherwise. On a GPU the algorithms are those that cuDNN calls deterministic, so that equal batches give
    equal maps.

    Args:
        network: with its weights, on the CPU; it is changed.
        input: how photos were prepared.
        device: ``cpu``, ``cuda`` or one GPU as ``cuda:1``.
        precision: ``fp32``; ``tf32`` (fp32 whose convolutions use TF32); ``fp16`` or ``bf16``; or ``mixed``:
            bfloat16 on a CPU and float16 on a GPU, but float32 where `offset_blocks` finds large constants.
        compile: whether torch.compile is used; every batch must then have the same size.

    Raises:
        EnvironmentFault: a GPU that is not there, or without bfloat16.
    """
    target = prepare_device(device, precision)
    fold_batch_norm(network)
    if precision == "mixed":
        cast(network, HALF[target.type], offset_blocks(network))
    elif precision in HALVES:
        cast(network, HALVES[precision])
    return place_maps(SaliencyMaps(network, input), target, precision, compile=compile)


def prepare_device(device: str, precision: str) -> torch.device:
    """A device that is there and computes in this precision; one CPU thread where OMP_NUM_THREADS says so.

    Raises:
        EnvironmentFault: it is not, or does not.
    """
    target = torch.device(device)
    require_device(target, precision)
    if os.environ.get("OMP_NUM_THREADS") == "1":
        torch.set_num_threads(1)
    return target


def place_maps(
    maps: nn.Module,
    device: torch.device,
    precision: str,
    *,
    compile: bool = False,  # noqa: A002 - the option's name
) -> TorchNetwork:
    """Maps of prepared pixels, (B, S, S, 3) -> (B, S, S), on their device and ready to be called.

    Args:
        maps: on the CPU; it is changed.
        device: of `prepare_device`.
        precision: ``tf32`` lets float32 convolutions use TF32.
        compile: whether torch.compile is used; every batch must then have the same size.
    """
    maps = maps.eval().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if compile:
        maps.compile(dynamic=False)
    return TorchNetwork(maps, device, tf32=precision == "tf32")


def blank_broken(maps: Tensor) -> Tensor:
    """(B, S, S) maps, those that are not finite all NaN."""
    broken = ~torch.isfinite(maps.sum((1, 2), keepdim=True))
    return torch.where(broken, torch.nan, maps)


def require_device(device: torch.device, precision: str) -> None:
    """See that a device is there and computes in this precision.

    Raises:
        EnvironmentFault: it is not, or does not.
    """
    if device.type == "cpu":
        return
    if not torch.cuda.is_available():
        raise EnvironmentFault(
            "--device cuda was asked for and torch sees no GPU",
            cause="no NVIDIA driver, or a torch without CUDA",
            remedy="run `maskgen doctor`, or give --device cpu",
        )
    if (device.index or 0) >= torch.cuda.device_count():
        raise EnvironmentFault(
            f"there is no GPU {device.index}",
            cause=f"torch sees {torch.cuda.device_count()}, counted from 0",
            remedy="give --devices numbers below that",
        )
    if precision in ("bf16", "tf32") and torch.cuda.get_device_capability(device) < (8, 0):
        raise EnvironmentFault(f"this GPU has no {precision}", remedy="--precision fp16 or fp32")


class SaliencyMaps(nn.Module):
    """Prepared pixels to stretched maps, all on the device.

    Args:
        network: the network in eval mode; its first convolution says the type of its input.
        input: how photos were prepared.
    """

    def __init__(self, network: U2Net, input: NetworkInput) -> None:  # noqa: A002
        super().__init__()
        self.network = network
        self.by_maximum = input.divisor == "max"
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(input.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(input.std).view(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, S, S, 3) uint8 or float32 in [0, 255] -> (B, S, S) float32 in [0, 1].

        A map that is not finite is NaN.
        """
        x = pixels.permute(0, 3, 1, 2).float()  # a view: the network's memory format is channels last
        if self.by_maximum:
            top = x.amax((1, 2, 3), keepdim=True)
            x = x / torch.where(top > 0, top, 1)  # a black photo stays zero before the mean is taken off
        else:
            x = x / 255
        x = (x - self.mean) / self.std
        logits = self.network.logits(x)[0][:, 0].float()
        return stretch(torch.sigmoid(logits))


def stretch(probability: Tensor) -> Tensor:
    """Min-max of each (S, S) map to [0, 1], as the authors' test code.

    A constant map becomes all zero (no object), one that is not finite all NaN.

    Example:
        >>> from maskgen.methods.networks.u2net.torch_runner import stretch
        >>> import torch
        >>> stretch(torch.tensor([[[0.2, 0.3, 0.6]]])).tolist()
        [[[0.0, 0.25, 1.0]]]
    """
    low, high = probability.amin((1, 2), keepdim=True), probability.amax((1, 2), keepdim=True)
    span = high - low
    stretched = torch.where(span > FLAT, (probability - low) / span, 0.0)
    return torch.where(torch.isfinite(span), stretched, torch.nan)


class TorchNetwork:
    """Arrays in and out of the maps of a network.

    Args:
        maps: (B, S, S, 3) -> (B, S, S), on the device.
        device: where it lies. A CPU gets one photo at a time, which is as fast and keeps to its caches.
        tf32: whether float32 convolutions may use TF32.
    """

    def __init__(self, maps: nn.Module, device: torch.device, *, tf32: bool) -> None:
        self._maps, self._device, self._tf32 = maps, device, tf32
        self._pixels = torch.empty(0)  # page-locked memory, kept: the copy to a GPU is three times faster

    def __call__(self, batch: NDArray[Any]) -> NDArray[Any]:
        """(B, S, S) float32 maps in [0, 1] of (B, S, S, 3) prepared pixels.

        Raises:
            ImageFault: the map of a batch of one is not finite. In a larger batch such a map is all NaN.
        """
        # from_numpy warns of read-only arrays
        photos = torch.from_numpy(batch if batch.flags.writeable else batch.copy())
        with torch.inference_mode(), _convolutions(self._device, tf32=self._tf32):
            if self._device.type == "cpu":
                maps = torch.cat([self._maps(photo[None]) for photo in photos]).numpy()
            else:
                maps = (
                    self._maps(self._stage_pixels(photos).to(self._device, non_blocking=True)).cpu().numpy()
                )
        if len(maps) == 1 and not np.isfinite(maps[0, 0, 0]):
            raise ImageFault("non-finite-mask", "the network's map holds NaN or infinity")
        return np.asarray(maps)

    def _stage_pixels(self, photos: Tensor) -> Tensor:
        if self._pixels.shape != photos.shape or self._pixels.dtype != photos.dtype:
            self._pixels = torch.empty(photos.shape, dtype=photos.dtype, pin_memory=True)
        self._pixels.copy_(photos)
        return self._pixels


@contextlib.contextmanager
def _convolutions(device: torch.device, *, tf32: bool) -> Iterator[None]:
    """Deterministic cuDNN algorithms in the asked arithmetic, for this call only."""
    if device.type == "cpu":
        yield
        return
    cudnn: Any = torch.backends.cudnn
    # Read from the new interface and written to the old one: the old one cannot be read once both were
    # written.
    before = cudnn.conv.fp32_precision == "tf32", cudnn.deterministic
    cudnn.allow_tf32, cudnn.deterministic = tf32, True
    try:
        yield
    finally:
        cudnn.allow_tf32, cudnn.deterministic = before
