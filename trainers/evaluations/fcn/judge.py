"""Whole photos through a network, and how many pixels of each class it names as what."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.index_png import VOID
from maskgen.trainers.datasets.segmentation.segmented import Segmented
from maskgen.trainers.pretrained.encoder import Encoder
from maskgen.types import RGB

from ..parts import Arrays, Parts, Say
from ..retrieval.confusion import class_ious

Table = NDArray[np.int64]
"""(C, C) pixels, true class down and answered class across."""
_PART = 50


@dataclass(frozen=True, eq=False)
class Judge:
    """Photos with the true class of each pixel, and how they are fed.

    Args:
        images: to be judged on.
        encoder: whose input the network takes.
        device: of the network.
        half: whether it runs in bf16.
    """

    images: Segmented
    encoder: Encoder
    device: torch.device
    half: bool = False

    def table(
        self, model: nn.Module, question: dict[str, Any], folder: Path, say: Say, stop: StopSignals | None
    ) -> Table:
        """The table of all photos, by all ranks together, 50 at a time; what is done is kept.

        Args:
            model: (1, 3, H, W) to (1, C, H, W); it is in evaluation mode afterwards.
            question: what its answers depend on beside weights and photos.
            folder: of the parts.
            say: told how far it is.
            stop: asked between parts.

        Raises:
            SourceFault: a photo or an annotation cannot be read.
            Interrupted: a signal asked for it.
        """
        model.eval()
        names = [str(number) for number in range(-(-len(self.images) // _PART))]
        question = {**question, "judged": self.images.fingerprint(), "weights": hash_weights(model)}
        parts = Parts(folder, question, say, stop).compute(names, self._maker(model))
        return np.asarray(np.sum([part["table"] for part in parts], axis=0), np.int64)

    def _maker(self, model: nn.Module) -> Callable[[str], Arrays]:
        def make(part: str) -> Arrays:
            start = int(part) * _PART
            numbers = range(start, min(start + _PART, len(self.images)))
            return {"table": np.sum([self._count(model, number) for number in numbers], axis=0)}

        return make

    def _count(self, model: nn.Module, number: int) -> Table:
        photo, truth = self.images.pair(number)
        return count_pixels(truth, self.answer(model, photo), len(self.images.classes))

    @torch.no_grad()
    def answer(self, model: nn.Module, photo: RGB) -> NDArray[np.uint8]:
        """The (H, W) uint8 class of each pixel of a photo."""
        picture = torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)[None].to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            logits = model(self.encoder.normalize(picture))
        found: NDArray[np.uint8] = logits[0].float().argmax(0).to(torch.uint8).cpu().numpy()
        return found


def hash_weights(model: nn.Module) -> str:
    """SHA-256 of all parameters and buffers of a network, in order."""
    found = hashlib.sha256()
    for name, value in model.state_dict().items():
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def count_pixels(truth: NDArray[np.uint8], answers: NDArray[np.uint8], classes: int) -> Table:
    """The (C, C) table of the pixels of a photo that count.

    Args:
        truth: (H, W), `VOID` for what does not count.
        answers: (H, W), below C.
        classes: C.

    Example:
        >>> import numpy as np
        >>> from maskgen.trainers.evaluations.fcn.judge import count_pixels
        >>> count_pixels(np.uint8([[0, 0, 1, 255]]), np.uint8([[0, 1, 1, 1]]), 2).tolist()
        [[1, 1], [0, 1]]
    """
    counts = truth != VOID
    pairs = truth[counts].astype(np.int64) * classes + answers[counts]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def summarize(table: Table, names: tuple[str, ...]) -> dict[str, Any]:
    """The figures of a table.

    ``miou`` is the mean of ``ious`` over the classes that are or were answered anywhere, ``pixel_accuracy``
    the share of pixels that are right.
    """
    ious = class_ious(table)
    return {
        "miou": float(np.nanmean(ious)) if table.any() else 0.0,
        "pixel_accuracy": float(np.diag(table).sum() / max(1, table.sum())),
        "ious": {name: None if np.isnan(iou) else float(iou) for name, iou in zip(names, ious, strict=True)},
    }
