"""Answers against what is right, as counts that can be added up over batches, ranks and parts of a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskgen.config.fingerprint import digest

Counts = dict[str, float]


class Judge(Protocol):
    """Knows what is right for each picture of a part of a set."""

    def __call__(self, logits: Tensor, rows: slice) -> Counts:
        """Counts over some pictures.

        Args:
            logits: (n, C) of the head.
            rows: which pictures they are.
        """
        ...


@dataclass(frozen=True, eq=False)
class ByClass:
    """One class is right: the best output of all, or of some.

    Args:
        labels: (N,) int64, outputs of the head.
        members: (k,) int64, the only outputs that count, as in ImageNet-A and -R; None: all.
    """

    labels: NDArray[np.int64]
    members: NDArray[np.int64] | None = None

    def __call__(self, logits: Tensor, rows: slice) -> Counts:
        """``images``, ``top1`` and ``top5`` (among all, where there are fewer)."""
        truth = torch.from_numpy(self.labels[rows])
        best = torch.arange(logits.shape[1])
        if self.members is not None:
            best = torch.from_numpy(self.members)
            logits = logits[:, best.to(logits.device)]
        order = logits.topk(min(5, logits.shape[1]), dim=1).indices.cpu()
        hits = best[order] == truth[:, None]
        return {"images": len(truth), "top1": int(hits[:, 0].sum()), "top5": int(hits.any(1).sum())}


@dataclass(frozen=True, eq=False)
class ByLists:
    """Any class of a picture's list is right; a picture with an empty list does not count.

    Source: Beyer et al.: Are we done with ImageNet?, https://arxiv.org/abs/2006.07159, section 4. No
    deviation.

    Args:
        lists: of outputs of the head, one a picture.
    """

    lists: Sequence[Sequence[int]]

    def __call__(self, logits: Tensor, rows: slice) -> Counts:
        """``images`` (with a list), ``top1``, and ``skipped``."""
        truth = self.lists[rows]
        best = logits.argmax(1).tolist()
        right = [answer in known for answer, known in zip(best, truth, strict=True) if known]
        return {"images": len(right), "top1": sum(right), "skipped": len(truth) - len(right)}


@dataclass(frozen=True, eq=False)
class ByGroup:
    """The class that the best output belongs to is right; outputs that belong to none are wrong.

    Args:
        labels: (N,) int64, groups.
        groups: (C,) int64, of each output; -1: none.
    """

    labels: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __call__(self, logits: Tensor, rows: slice) -> Counts:
        """``images`` and ``top1``."""
        answers = self.groups[logits.argmax(1).cpu().numpy()]
        truth = self.labels[rows]
        return {"images": len(truth), "top1": int((answers == truth).sum())}


@dataclass(frozen=True, eq=False)
class ShapeOrTexture:
    """Whether the shape or the texture is answered, where they conflict; elsewhere a picture does not count.

    The probability of a class is the mean of its outputs' probabilities.

    Source: Geirhos et al.: ImageNet-trained CNNs are biased towards texture, ICLR 2019,
    https://arxiv.org/abs/1811.12231, sections 2.3 and A.3; the mean as in the authors' later evaluations
    (Geirhos et al. 2021, https://arxiv.org/abs/2106.07411). No deviation.

    Args:
        shapes: (N,) int64, classes.
        textures: (N,) int64, classes.
        groups: (C,) int64, the class of each output; -1: none. Every class has an output.
    """

    shapes: NDArray[np.int64]
    textures: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __call__(self, logits: Tensor, rows: slice) -> Counts:
        """``images`` with a conflict, ``shape`` and ``texture``."""
        chances = logits.float().softmax(1).cpu()
        owned = [np.flatnonzero(self.groups == group) for group in range(self.groups.max() + 1)]
        answers = torch.stack([chances[:, outputs].mean(1) for outputs in owned], 1).argmax(1).numpy()
        shapes, textures = self.shapes[rows], self.textures[rows]
        conflict = shapes != textures
        return {
            "images": int(conflict.sum()),
            "shape": int((conflict & (answers == shapes)).sum()),
            "texture": int((conflict & (answers == textures)).sum()),
        }


def mark_of(judge: Judge) -> str:
    """A digest of all that a judge knows."""
    known = vars(judge).items()
    return digest(
        [[name, value.tolist() if isinstance(value, np.ndarray) else value] for name, value in known]
    )
