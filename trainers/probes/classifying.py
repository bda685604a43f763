"""The accuracy of a supervised run's own classifier, while it trains and at its end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from maskgen.errors import UsageError
from maskgen.loaders import Dataset
from maskgen.loaders.dataset.photo_set import PhotoSet

from ..data.shards import class_names, count_classes
from ..datasets.classes import number_classes
from ..datasets.images import Images, images_of_data, open_images
from ..distributed.ranks import own_range
from ..heads.head import Head, accuracies
from ..methods import Method
from ..presets import Preset
from ..settings import Settings
from .features import Extractor, InputTransform
from .monitor import looked_at, seen_by, take_some


@dataclass(frozen=True, eq=False)
class ClassifierTest:
    """Top-1 and top-5 of a run's classifier on center crops, by all ranks together.

    Args:
        dataset: that is trained on.
        images: all test images; or up to 10,000 training images, where there are none.
        transform: how they are fed.
        settings: of the run.
        device: of the network.
    """

    dataset: Dataset | PhotoSet
    images: Images
    transform: InputTransform
    settings: Settings
    device: torch.device

    @classmethod
    def open(
        cls, dataset: Dataset | PhotoSet, preset: Preset, settings: Settings, device: torch.device
    ) -> ClassifierTest:
        """On ``settings.test_data``, else on the training shards.

        Raises:
            UsageError: the test images have a class that the training images lack.
        """
        if settings.test_data:
            names, classes = class_names(dataset), set(range(count_classes(dataset)))
            images = number_classes(open_images(settings.test_data), names, classes, settings.test_data)
        else:
            images = take_some(images_of_data(dataset))
        return cls(dataset, images, seen_by(preset, settings), settings, device)

    def measure(self, method: Method) -> dict[str, float]:
        """``top1`` and ``top5`` from 0 to 1; ``train_top1`` and ``train_top5`` of training images.

        Damaged images do not count, with ``on_error="skip"``.

        Raises:
            UsageError: the method has no classifier.
        """
        layer = getattr(method, "classifier", None)
        if not isinstance(layer, nn.Linear):
            raise UsageError(f"{type(method).__name__} has no classifier", remedy="train-ssl supervised has")
        was = method.training
        method.eval()
        extractor = Extractor(method.features, self.device, threads=self.settings.threads)
        own = np.array(own_range(len(self.images)), np.int64)
        rows = looked_at(extractor, self.images, own, self.transform, self.settings)
        rows = rows.reshape(len(own), method.dim)
        whole, labels = ~rows.isnan().all(1), torch.from_numpy(self.images.labels[own])
        found = accuracies(Head(layer), rows[whole].to(self.device), labels[whole].to(self.device))
        method.train(was)
        prefix = "" if self.settings.test_data else "train_"
        return {f"{prefix}{name}": found[name] for name in ("top1", "top5")}
