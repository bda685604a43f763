"""One clip: its frames read, its objects followed, the masks written and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from maskgen.errors import ImageFault, SourceFault
from maskgen.io.images.decode import Limits, decode
from maskgen.trainers.datasets.davis import Clip
from maskgen.trainers.datasets.index_png import VOID, write_indices
from maskgen.types import RGB

from .measures import contour_accuracy, region_similarity
from .propagate import decide, propagate
from .rules import Rules

_LIMITS = Limits(max_bytes=64 << 20, max_pixels=64_000_000, max_side=32_768)
_MULTIPLE = 64

Maps = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Follower:
    """Follows the objects of a clip.

    Args:
        maps: (1, 3, H, W) normalized images to (1, D, h, w).
        normalize: (1, 3, H, W) uint8 on the device to its input.
        device: that computes.
        rules: how labels are carried on.
    """

    maps: Maps
    normalize: Maps
    device: torch.device
    rules: Rules

    def follow(self, clip: Clip) -> Iterator[NDArray[np.uint8]]:
        """The (H, W) numbers of the objects in each frame, the given ones of the first frame first.

        Raises:
            SourceFault: a frame or the first annotation cannot be read.
        """
        given = clip.truth(0)
        given = np.where(given == VOID, np.uint8(0), given)
        yield given
        inputs = (self._input(path) for path in clip.frames)
        first = next(inputs)
        maps, side = self.maps(first)[0], (first.shape[2], first.shape[3])
        labels = one_hot(given, clip.objects(), (maps.shape[1], maps.shape[2])).to(self.device)
        frames = _chain(maps, (self.maps(image)[0] for image in inputs))
        for found in propagate(frames, labels, self.rules):
            large = decide(found, side, stretch=self.rules.stretch).to(torch.uint8).cpu().numpy()
            size = (given.shape[1], given.shape[0])
            yield np.asarray(cv2.resize(large, size, interpolation=cv2.INTER_NEAREST), np.uint8)

    def _input(self, path: Path) -> Tensor:
        picture = resize_frame(_read(path), self.rules.short_side)
        return self.normalize(torch.from_numpy(picture).permute(2, 0, 1)[None].to(self.device))


def _chain(first: Tensor, rest: Iterator[Tensor]) -> Iterator[Tensor]:
    yield first
    yield from rest


def _read(path: Path) -> RGB:
    try:
        return decode(path.read_bytes(), _LIMITS).image
    except (OSError, ImageFault) as error:
        raise SourceFault(
            "cannot read a frame", where=str(path), cause=str(error), remedy="unpack the archive again"
        ) from error


def resize_frame(frame: RGB, short: int) -> RGB:
    """An (H, W, 3) frame with its short side at `short` px, its long one rounded down to a multiple of 64.

    Bilinear without antialiasing, as in DINO's code; `short` 0 leaves it as it is.
    """
    if not short:
        return frame
    height, width = frame.shape[:2]
    long = max(height, width) * short // min(height, width) // _MULTIPLE * _MULTIPLE
    size = (short, long) if height > width else (long, short)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def one_hot(numbers: NDArray[np.uint8], objects: int, size: tuple[int, int]) -> Tensor:
    """(H, W) numbers as (objects + 1, h, w) float32 of 0 and 1, the nearest pixel of each place."""
    small = np.asarray(cv2.resize(numbers, (size[1], size[0]), interpolation=cv2.INTER_NEAREST))
    return functional.one_hot(torch.from_numpy(small.astype(np.int64)), objects + 1).permute(2, 0, 1).float()


def judge_clip(
    clip: Clip, found: Iterator[NDArray[np.uint8]], folder: Path
) -> dict[str, NDArray[np.float64]]:
    """Write a clip's masks, and judge them against the truth.

    Args:
        clip: of them.
        found: the numbers of each frame.
        folder: of the PNGs, which are called as the annotations.

    Returns:
        ``J`` and ``F``, (objects, T - 2) float64: the first frame is given, and the last is not judged.
    """
    objects, scores = clip.objects(), []
    for number, (mask, path) in enumerate(zip(found, clip.masks, strict=True)):
        write_indices(folder / path.name, mask)
        if 0 < number < len(clip.masks) - 1:
            scores.append(judge_frame(mask, clip.truth(number), objects))
    both = np.array(scores, np.float64).transpose(1, 2, 0)
    return {"J": both[0], "F": both[1]}


def judge_frame(
    mask: NDArray[np.uint8], truth: NDArray[np.uint8], objects: int
) -> tuple[list[float], list[float]]:
    """J and F of each of a frame's objects; pixels whose truth is void count as background in both."""
    counts = truth != VOID
    pairs = [((mask == one) & counts, truth == one) for one in range(1, objects + 1)]
    return [region_similarity(*pair) for pair in pairs], [contour_accuracy(*pair) for pair in pairs]
