"""Rendered arrays on their way to a batch on a device. Importing this module imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ..batch import Batch

if TYPE_CHECKING:
    from ..pixels.outputs import BatchMaker
    from ..pixels.sources import Sources


def begin_batch(
    maker: BatchMaker, sources: Sources, arrays: Sequence[NDArray[Any]], device: str
) -> Callable[[], Batch]:
    """The part of a batch's making that may be done ahead; what is returned does the rest.

    On a CPU all is done ahead. For a GPU the pictures are put into page-locked memory, and whoever asks for
    the batch has them copied, in its own stream: it waits for nothing, and its kernels find them there. A
    copy in the thread that renders would be one in the stream of the training, and wait for all its kernels.

    Args:
        maker: makes the batch.
        sources: of its rows.
        arrays: as `BatchMaker.batch` takes them, as arrays.
        device: ``cpu`` or ``cuda``.
    """
    tensors = [torch.from_numpy(array) for array in arrays]
    if device == "cpu":
        batch = maker.batch(sources, tensors)
        return lambda: batch
    return partial(_send, maker, sources, [_pin(tensor) for tensor in tensors], device)


def _pin(tensor: Tensor) -> Tensor:
    return tensor.pin_memory()


def _send(maker: BatchMaker, sources: Sources, tensors: list[Tensor], device: str) -> Batch:
    return maker.batch(sources, [tensor.to(device, non_blocking=True) for tensor in tensors])
