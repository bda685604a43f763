"""Grounding while training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from maskgen.errors import UsageError
from maskgen.loaders import Dataset
from maskgen.loaders.dataset.photo_set import PhotoSet
from maskgen.loaders.pixels.normalize import normalize

from ..datasets.masked import MaskedImages, masked_of_shards
from ..distributed.ranks import own_range
from ..methods import Method
from ..presets import Preset
from ..settings import Settings
from .grounding.measure import Looker, judge
from .looks import means_by_name, without_damaged

MOST = 1_000
"""Images that are looked at; drawn once if there are more."""


@dataclass(frozen=True, eq=False)
class CamMonitor:
    """Where the backbone looks to match a masked crop, on up to 1,000 training images, by all ranks together.

    Args:
        images: that are looked at.
        preset: of the run; its first view's side is the input's.
        settings: of the run.
        device: of the network.
    """

    images: MaskedImages
    preset: Preset
    settings: Settings
    device: torch.device

    @classmethod
    def open(
        cls, dataset: Dataset | PhotoSet, preset: Preset, settings: Settings, device: torch.device
    ) -> CamMonitor:
        """On the training shards and their masks.

        Raises:
            UsageError: there are photos alone.
        """
        if isinstance(dataset, PhotoSet):
            raise UsageError(
                "these photos have no masks that an encoder could be held against",
                where=dataset.where,
                remedy="--cam-every 0, or make shards of them with maskgen run",
            )
        return cls(masked_of_shards(dataset).draw(MOST), preset, settings, device)

    def measure(self, method: Method) -> dict[str, float]:
        """``cam_iou`` and ``cam_density``, means over the images with foreground.

        Damaged images do not count, with ``on_error="skip"``. Crops and images are the same at each look. The
        method is left as it was, and no random number of torch's is drawn.
        """
        was = method.training
        method.eval()
        looker = Looker(
            method.backbone,
            normalize,
            self.device,
            self.preset.views.views[0].size,
            threads=self.settings.threads,
        )
        images = without_damaged(self.images, looker.side, self.settings)
        looks = looker.looks(images, own_range(len(self.images)))  # pyright: ignore[reportArgumentType] # one class by two names
        own = [judge(look) for look in looks]
        method.train(was)
        scores = torch.from_numpy(np.array(own, np.float64).reshape(-1, 2))
        return means_by_name(("cam_iou", "cam_density"), scores)
