"""What is asked of a set, and what it answers: pictures, each part with a judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskgen.config.fingerprint import digest
from maskgen.trainers.datasets.images import Images

from ..classes import HeadClasses
from ..judges import Judge, mark_of


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a set.

    Args:
        folder: as given.
        classes: of the head.
        partial: whether a part of the set will do.
        labels: file of the labels, of `open_real`; None: beside the photos or above them.
        masks: of the photos' foregrounds, shards or a folder of pictures, of `open_foregrounds`.
        fill: what is put where a mask has no foreground, 0 to 255.
    """

    folder: Path
    classes: HeadClasses
    partial: bool = False
    labels: Path | None = None
    masks: Path | None = None
    fill: int = 0


@dataclass(frozen=True, eq=False)
class Part:
    """Pictures that are judged together.

    Args:
        images: N of them.
        judge: knows what is right.
    """

    images: Images
    judge: Judge

    @property
    def mark(self) -> str:
        """A digest of the pictures and of what is right."""
        return digest([self.images.fingerprint, mark_of(self.judge)])


Parts = dict[str, Part]


def outputs_of(wnids: Sequence[str], classes: HeadClasses, where: Path) -> NDArray[np.int64]:
    """The head's output for each of (N,) wnids, (N,) int64.

    Raises:
        UsageError: the head lacks a class.
    """
    names = sorted(set(wnids))
    places = dict(zip(names, classes.outputs(names, str(where)).tolist(), strict=True))
    return np.array([places[wnid] for wnid in wnids], np.int64)
