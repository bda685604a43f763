"""What a fully convolutional network learns from: photos scaled at random, cut, and flipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.trainers.datasets.index_png import VOID
from maskgen.trainers.datasets.segmentation.segmented import Segmented
from maskgen.types import RGB


class Crop(NamedTuple):
    """A square piece of a photo.

    Args:
        photo: (S, S, 3) uint8.
        classes: (S, S) uint8, `VOID` for what does not count.
    """

    photo: NDArray[np.uint8]
    classes: NDArray[np.uint8]


@dataclass(frozen=True)
class Cropper:
    """Random crops as functions of (seed, epoch, number).

    Args:
        side: S, px.
        scales: photos are scaled by a factor drawn evenly between these.
        fill: color of what is outside of a photo, (3,) 0..255: the mean of the network's input.
        seed: of the draws.
    """

    side: int
    scales: tuple[float, float]
    fill: tuple[int, int, int]
    seed: int

    def crop(self, images: Segmented, number: int, epoch: int) -> Crop:
        """A crop of one photo, flipped half of the time.

        The photo is scaled bilinearly, its classes by the nearest pixel; it is padded below and right where
        it is smaller than the crop, and cut anywhere where it is larger.

        Raises:
            SourceFault: the photo or its annotation cannot be read.
        """
        rng = np.random.default_rng([self.seed, epoch, number])
        photo, classes = images.pair(number)
        scaled = self._scale(photo, classes, float(rng.uniform(*self.scales)))
        cut = self._cut(scaled, rng.random(2))
        return Crop(cut.photo[:, ::-1], cut.classes[:, ::-1]) if rng.random() < 0.5 else cut

    def _scale(self, photo: RGB, classes: NDArray[np.uint8], factor: float) -> Crop:
        height, width = (max(1, round(side * factor)) for side in classes.shape)
        large = cv2.resize(photo, (width, height), interpolation=cv2.INTER_LINEAR)
        numbers = cv2.resize(classes, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return Crop(np.asarray(large, np.uint8), np.asarray(numbers, np.uint8))

    def _cut(self, scaled: Crop, where: NDArray[np.float64]) -> Crop:
        """The crop whose corner lies at a share `where` (2,) of the places that there are for it."""
        rooms = [max(0, side - self.side) for side in scaled.classes.shape]
        top, left = (int(share * (room + 1)) for share, room in zip(where, rooms, strict=True))
        photo = np.empty((self.side, self.side, 3), np.uint8)
        photo[:] = self.fill
        classes = np.full((self.side, self.side), VOID, np.uint8)
        part = np.s_[top : top + self.side, left : left + self.side]
        height, width = scaled.classes[part].shape
        photo[:height, :width], classes[:height, :width] = scaled.photo[part], scaled.classes[part]
        return Crop(photo, classes)
