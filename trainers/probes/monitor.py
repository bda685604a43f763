"""kNN accuracy while training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskgen.errors import UsageError
from maskgen.loaders import Dataset
from maskgen.loaders.dataset.photo_set import PhotoSet

from ..datasets.classes import require_classes
from ..datasets.damaged import read_or_blank
from ..datasets.images import Images, images_of_data, open_images
from ..distributed.ranks import own_range
from ..methods import Method
from ..presets import Preset
from ..settings import Settings
from .features import Extractor, InputTransform, default_share, gather_rows
from .knn import TEMPERATURE, knn_accuracy

MOST = 10_000
"""Images that are looked at; drawn once if there are more."""
K = 20


def take_some(images: Images) -> Images:
    """The images, or `MOST` of them, drawn once and for all."""
    if len(images) <= MOST:
        return images
    return images.take(np.sort(np.random.default_rng(0).permutation(len(images))[:MOST]))


def seen_by(preset: Preset, settings: Settings) -> InputTransform:
    """How images are fed while training: center crops of the first view's side."""
    side = preset.views.views[0].size
    precision = "bf16" if settings.device == "cuda" else "fp32"
    return InputTransform(side=side, share=default_share(side), precision=precision)


def looked_at(
    extractor: Extractor,
    images: Images,
    numbers: NDArray[np.int64],
    transform: InputTransform,
    settings: Settings,
) -> Tensor:
    """The features of (n,) images, (n, D) on the CPU; NaN of damaged ones, if the run leaves such out.

    Raises:
        ShardFault: an image is damaged, and the run does not leave it out.
    """
    if settings.on_error == "raise":
        return extractor.rows(images, numbers, transform)
    read, damaged = read_or_blank(images.read, np.zeros((transform.side, transform.side, 3), np.uint8))
    rows = extractor.rows(replace(images, read=read), numbers, transform)
    if damaged:
        rows[torch.from_numpy(np.isin(numbers, list(damaged)))] = torch.nan
    return rows


@dataclass(frozen=True, eq=False)
class Monitor:
    """Leave-one-out kNN (k 20, temperature 0.07) on up to 10,000 labeled images, by all ranks together.

    Args:
        images: that are looked at.
        transform: how they are fed.
        settings: of the run.
        device: of the network.
    """

    images: Images
    transform: InputTransform
    settings: Settings
    device: torch.device

    @classmethod
    def open(
        cls, dataset: Dataset | PhotoSet, preset: Preset, settings: Settings, device: torch.device
    ) -> Monitor:
        """On ``settings.knn_data``, else on what is trained on.

        Raises:
            UsageError: fewer than two labeled images, or all of one class.
        """
        images = open_images(settings.knn_data) if settings.knn_data else images_of_data(dataset)
        if len(images) < 2:
            raise UsageError(
                "there are no labels for kNN",
                where=settings.knn_data or settings.data,
                remedy="--knn-every 0",
            )
        require_classes(images, settings.knn_data or settings.data)
        return cls(take_some(images), seen_by(preset, settings), settings, device)

    def measure(self, method: Method) -> dict[str, float]:
        """``knn``: the accuracy in [0, 1]; the method is left as it was.

        Damaged images neither vote nor count, with ``on_error="skip"``.
        """
        was = method.training
        method.eval()
        extractor = Extractor(method.features, self.device, threads=self.settings.threads)
        numbers = np.array(own_range(len(self.images)), np.int64)
        own = looked_at(extractor, self.images, numbers, self.transform, self.settings)
        method.train(was)
        features = gather_rows(own, len(self.images)).to(self.device)
        classes = torch.from_numpy(self.images.labels).to(self.device)
        whole = ~features.isnan().all(1)
        return {
            "knn": knn_accuracy((features[whole], classes[whole]), None, ks=(K,), temperature=TEMPERATURE)[K]
        }
