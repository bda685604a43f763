"""What a probe is asked, and what it works on.

The backbone, its features, the images to train and test on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .classes import renumber_classes
from .encoder import Encoder, load_encoder
from .features import Extractor, FeatureStore, InputTransform, default_share
from .images import Images, open_images

HELD_OUT = 0.2
"""Share of the images that are tested on when there is no test set."""
CHOSEN_ON = 0.1
"""Share of the training images that a learning rate is chosen on."""
FEATURES = "features"


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """What a probe is asked: of which backbone, on what.

    Args:
        checkpoint: a checkpoint, a run's folder, or an exported backbone.
        data: training images: shards, or one folder per class; with ``train`` and ``val`` in it, both.
        test: test images; None: ``val`` beside ``train``, else held-out training images.
        output: folder of results and features.
        device: of the backbone.
        side: of its input, px; 0: the training views'.
        share: of the short side that the center crop keeps; 0: 0.875, or 1 up to 96 px.
        batch_size: images at once on each rank.
        threads: that decode.
        precision: ``fp32`` or ``bf16``.
        seed: of crops, held-out images and heads.
    """

    checkpoint: Path
    data: Path
    test: Path | None
    output: Path
    device: torch.device
    side: int = 0
    share: float = 0.0
    batch_size: int = 256
    threads: int = 2
    precision: str = "fp32"
    seed: int = 0


@dataclass(frozen=True, eq=False)
class ProbeSetup:
    """An opened `ProbeConfig`: the backbone, its features, the images.

    Args:
        config: as asked.
        encoder: the frozen backbone.
        store: of its features.
        train: images.
        test: images; None: there are none of their own.
    """

    config: ProbeConfig
    encoder: Encoder
    store: FeatureStore
    train: Images
    test: Images | None

    @classmethod
    def open(cls, config: ProbeConfig) -> ProbeSetup:
        """Load the backbone and find the images.

        Raises:
            MaskgenError: they cannot be read, or the test set has other classes.
        """
        encoder = load_encoder(config.checkpoint, config.device)
        extractor = Extractor(encoder.network, config.device, config.batch_size, config.threads)
        first, second = _places(config)
        train = open_images(first)
        test = None if second is None else renumber_classes(train, open_images(second), str(second))
        store = FeatureStore(config.output / FEATURES, encoder.digest, extractor)
        return cls(config, encoder, store, train, test)

    def transform(self, augmented: int | None = None) -> InputTransform:
        """How images are fed."""
        q = self.config
        side = q.side or self.encoder.view_px
        share = q.share or default_share(side)
        return InputTransform(side=side, share=share, augmented=augmented, seed=q.seed, precision=q.precision)

    def features(self, images: Images, augmented: int | None = None) -> Tensor:
        """(N, D) on the device; only on rank 0."""
        return torch.from_numpy(self.store.get(images, self.transform(augmented))).to(self.config.device)

    def labels(self, images: Images) -> Tensor:
        """(N,) on the device."""
        return torch.from_numpy(images.labels).to(self.config.device)

    def facts(self) -> dict[str, Any]:
        """What the result depends on."""
        transform, test = self.transform(), self.test.fingerprint if self.test else "held out"
        return {
            "backbone": self.encoder.facts["backbone"],
            "method": self.encoder.facts["method"],
            "step": int(self.encoder.facts["step"]),
            "checkpoint_sha256": self.encoder.facts["checkpoint_sha256"],
            "data": self.train.fingerprint,
            "test": test,
            "side": transform.side,
            "share": transform.share,
            "precision": transform.precision,
            "seed": transform.seed,
        }


def _places(config: ProbeConfig) -> tuple[Path, Path | None]:
    train, val = config.data / "train", config.data / "val"
    if config.test is not None or not (train.is_dir() and val.is_dir()):
        return config.data, config.test
    return train, val


class Passes:
    """The training features of each epoch, on rank 0; the other ranks call it alike, to help.

    Args:
        setup: of the probe.
        train: images.
        views: see `run_linear`.
    """

    def __init__(self, setup: ProbeSetup, train: Images, views: int) -> None:
        self._setup, self._train, self._views = setup, train, views
        self._number: int | None = -1
        self._features = torch.zeros(0, 0)

    def __call__(self, epoch: int) -> Tensor:
        """(N, D) features for an epoch."""
        number = None if self._views < 0 else epoch % self._views if self._views else epoch
        if number != self._number:
            self._features = self._setup.features(self._train, number)
            if self._views == 0 and self._number is not None and self._number >= 0:
                self._setup.store.drop(self._train, self._setup.transform(self._number))
            self._number = number
        return self._features


def split(
    train: Images, test: Images | None, seed: int, *, choose: bool
) -> tuple[Images, Images, Images | None]:
    """Images to train on, to choose on, and to test on.

    The last are a fifth of the training images if there are no others.

    Args:
        train: all training images.
        test: images that are not among them, or None.
        seed: of the draw.
        choose: whether a tenth of what is left is put aside to choose a learning rate on.
    """
    order = np.random.default_rng(seed).permutation(len(train))
    if test is None:
        cut = round(len(order) * HELD_OUT)
        test, order = train.take(np.sort(order[:cut])), order[cut:]
    chosen = None
    if choose:
        cut = max(1, round(len(order) * CHOSEN_ON))
        chosen, order = train.take(np.sort(order[:cut])), order[cut:]
    return train.take(np.sort(order)), test, chosen
