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

from ..datasets.classes import renumber_classes, require_classes
from ..datasets.images import Images, open_images
from ..datasets.public.place import Place, paper_metric, training_places, validation_place
from ..distributed.ranks import own_range
from ..pretrained.encoder import Encoder, load_encoder
from .features import Extractor, FeatureStore, InputTransform, default_share

SIDE = 224
"""Of the input, px: that of the papers' evaluations, also of networks that were trained on another."""
HELD_OUT = 0.2
"""Share of the images that are tested on when there is no test set."""
CHOSEN_ON = 0.1
"""Share of the training images that a learning rate is chosen on."""
FEATURES = "features"


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """What a probe is asked: of which backbone, on what.

    Args:
        checkpoint: a run's folder, a file of weights, or what else `load_pretrained` takes.
        backbone: its network, where the file does not say it.
        data: training images: shards, or one folder per class; with ``train`` and ``val`` in it, both; or
            ``KIND:PATH[@SPLIT]``, a public set, see `parse_place`.
        test: test images, likewise; None: ``val`` beside ``train``, a public set's own test, else held-out
            training images.
        validation: images that a learning rate or penalty is chosen on, likewise; None: a public set's own,
            else a tenth of the training images.
        output: folder of results and features.
        device: of the backbone.
        side: of its input, px; 0: `SIDE` whatever the training's was, or what a given head was trained on.
        share: of the short side that the center crop keeps; 0: 0.875, or 1 up to 96 px.
        interpolation: ``bilinear`` or ``bicubic``, of the center crop; empty: as the backbone's file says.
        batch_size: images at once on each rank.
        threads: that decode.
        precision: ``fp32`` or ``bf16``.
        seed: of crops, held-out images and heads.
        views_by: who makes random crops: ``photos``, or a loader of shards, ``dali`` or ``torch``.
        features: folder of the features of center crops, which several tasks may share at the same time;
            None: in ``output``.
    """

    checkpoint: Path | str
    data: Path | str
    test: Path | str | None
    output: Path
    device: torch.device
    validation: Path | str | None = None
    backbone: str = ""
    side: int = 0
    share: float = 0.0
    interpolation: str = ""
    batch_size: int = 256
    threads: int = 2
    precision: str = "fp32"
    seed: int = 0
    views_by: str = "photos"
    features: Path | None = None

    def places(self) -> tuple[Place | Path, Place | Path | None]:
        """Where the training images lie, and the test images; None: they have no place of their own."""
        return training_places(self.data, self.test)

    def validation_place(self) -> Place | Path | None:
        """Where the images lie that something is chosen on; None: they have no place of their own."""
        return validation_place(self.data, self.validation)

    def metric(self) -> str:
        """``top1`` or ``per_class``, as the papers judge on the test images' set."""
        train, test = self.places()
        return paper_metric(test or train)


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
            MaskgenError: they cannot be read, are of one class, or the test set has other classes.
        """
        encoder = load_encoder(config.checkpoint, config.device, config.backbone, seed=config.seed)
        first, second = config.places()
        train = require_classes(open_images(first), str(first))
        test = None if second is None else renumber_classes(train, open_images(second), str(second))
        return cls.of(config, encoder, train, test)

    @classmethod
    def of(cls, config: ProbeConfig, encoder: Encoder, train: Images, test: Images | None) -> ProbeSetup:
        """The same of an encoder and images that are there already."""
        extractor = Extractor(
            encoder.network, config.device, config.batch_size, config.threads, encoder.normalize
        )
        own = config.output / FEATURES
        store = FeatureStore(own, encoder.digest, extractor, shared=config.features)
        return cls(config, encoder, store, train, test)

    def transform(self, augmented: int | None = None) -> InputTransform:
        """How images are fed."""
        q = self.config
        side = q.side or SIDE
        return InputTransform(
            side=side,
            share=q.share or default_share(side),
            augmented=augmented,
            seed=0 if augmented is None else q.seed,
            precision=q.precision,
            interpolation=q.interpolation or self.encoder.facts["interpolation"],
            views="photos" if augmented is None else q.views_by,
        )

    def features(self, images: Images, augmented: int | None = None, *, whole: bool = False) -> Tensor:
        """(n, D) on the device: this rank's rows, or all of them."""
        rows = slice(None) if whole else _span(len(images))
        found = self.store.get(images, self.transform(augmented), rows)
        return torch.from_numpy(found).to(self.config.device)

    def labels(self, images: Images, *, whole: bool = False) -> Tensor:
        """(n,) on the device, likewise."""
        kept = images.labels if whole else images.labels[_span(len(images))]
        return torch.from_numpy(np.array(kept)).to(self.config.device)

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
            "trained_side": self.encoder.view_px,
            "share": transform.share,
            "interpolation": transform.interpolation,
            "precision": transform.precision,
            "seed": self.config.seed,
        }


def _span(count: int) -> slice:
    """This rank's rows of `count`."""
    own = own_range(count)
    return slice(own.start, own.stop)


class Passes:
    """This rank's training features of each epoch; all ranks call it alike.

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
        """(n, D) features for an epoch."""
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
