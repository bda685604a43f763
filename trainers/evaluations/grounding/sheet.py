"""Grad-CAM as pictures, for `maskgen preview --cam`."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from maskgen.drawing.contact_sheet import Row, gray_picture
from maskgen.loaders import Dataset
from maskgen.trainers.datasets.masked import masked_of_shards
from maskgen.trainers.pretrained.encoder import load_encoder
from maskgen.types import RGB

from .measure import Looker, judge
from .task import SIDE

TITLES = ("photo", "mask", "Grad-CAM")


def heat(photo: RGB, cam: NDArray[np.float32]) -> RGB:
    """A photo under its map in colors: blue for 0, red for 1.

    Args:
        photo: (H, W, 3) uint8.
        cam: (H, W) float32 in [0, 1].

    Example:
        >>> import numpy as np
        >>> from maskgen.trainers.evaluations.grounding.sheet import heat
        >>> photo = np.zeros((1, 2, 3), np.uint8)
        >>> heat(photo, np.array([[0.0, 1.0]], np.float32)).tolist()
        [[[0, 0, 64], [64, 0, 0]]]
    """
    levels = (cam * 255).round().astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)
    return np.asarray(cv2.addWeighted(photo, 0.5, colors, 0.5, 0), np.uint8)


def cam_rows(dataset: Dataset, checkpoint: str, backbone: str = "", *, count: int) -> Iterator[Row]:
    """Photo | mask | map over the photo, of samples at equal distances; under each its IoU and its key.

    The maps explain the match of the whole photo with its foreground alone, on the CPU.

    Args:
        dataset: shards with photos.
        checkpoint: of the encoder, see `load_encoder`.
        backbone: its network, where the file does not say it.
        count: rows, if there are as many samples.

    Raises:
        MaskgenError: the encoder or the samples cannot be read.
    """
    images = masked_of_shards(dataset)
    images = images.take(np.unique(np.linspace(0, len(images) - 1, count).round().astype(np.int64)))
    device = torch.device("cpu")
    encoder = load_encoder(checkpoint, device, backbone)
    looker = Looker(encoder.network, encoder.normalize, device, SIDE, crops="whole")
    for number, look in enumerate(looker.looks(images, range(len(images)))):
        photo, mask = images.read(number)
        cam = np.asarray(cv2.resize(look.cam, (photo.shape[1], photo.shape[0])), np.float32).clip(0, 1)
        drawn = (photo, gray_picture(mask.astype(np.uint8) * 255), heat(photo, cam))
        overlap, _ = judge(look)
        said = "no foreground" if np.isnan(overlap) else f"IoU {overlap:.2f}"
        yield Row(f"{said}  {images.key(number)}", drawn)
