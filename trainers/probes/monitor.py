"""kNN accuracy while training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from maskgen.errors import UsageError
from maskgen.loaders import Dataset
from maskgen.loaders.dataset.photo_set import PhotoSet

from ..datasets.classes import require_classes
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
        """``knn``: the accuracy in [0, 1]; the method is left as it was."""
        was = method.training
        method.eval()
        extractor = Extractor(method.features, self.device, threads=self.settings.threads)
        own = extractor.rows(self.images, np.array(own_range(len(self.images))), self.transform)
        method.train(was)
        features = gather_rows(own, len(self.images)).to(self.device)
        classes = torch.from_numpy(self.images.labels).to(self.device)
        return {"knn": knn_accuracy((features, classes), None, ks=(K,), temperature=TEMPERATURE)[K]}
