"""Random crops of labeled shards by stage two's loaders: DALI on a GPU, or its renderer on a CPU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskgen.errors import UsageError
from maskgen.loaders import DaliLoader
from maskgen.loaders.recipes.parts import NO_PHOTOMETRIC, Crop
from maskgen.loaders.recipes.spec import Recipe, View
from maskgen.loaders.torch.loader import TorchLoader

from ..datasets.images import Images
from ..distributed.ranks import rank, world

VIEWS = ("photos", "dali", "torch")
"""Who makes random crops: this folder's own code from any images, or a loader from shards."""


def loaded_views(
    images: Images,
    kind: str,
    *,
    side: int,
    epoch: int,
    seed: int,
    device: torch.device,
    batch: int,
    threads: int,
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """This rank's random crops of an epoch, as linear probes train with: scale 0.08 to 1, flips.

    Args:
        images: of shards, all of them or some.
        kind: ``dali`` or ``torch``.
        side: of the crops, px.
        epoch: its crops and order are a function of it and the seed.
        seed: from 0.
        device: that the crops lie on.
        batch: of them at once, at most.
        threads: that decode.

    Yields:
        The images' numbers, (b,), and their crops, (b, 3, side, side) uint8; all ranks together give each
        image once.

    Raises:
        UsageError: the images do not lie in shards.
    """
    if images.shards is None:
        raise UsageError(
            f"the {kind} loader reads shards, and these images lie in folders",
            remedy="make shards of them (maskgen run --labels folder), or leave --views-by out",
        )
    dataset, samples = images.shards
    places = np.full(dataset.samples, -1)
    places[samples] = np.arange(len(samples))
    view = View(size=side, crop=Crop(scale=(0.08, 1.0)), photometric=NO_PHOTOMETRIC)
    made: type[DaliLoader | TorchLoader] = DaliLoader if kind == "dali" else TorchLoader
    loader = made(
        dataset,
        batch,
        recipe=Recipe(views=(view,)),
        seed=seed,
        device=device.type,
        threads=threads,
        rank=rank(),
        world=world(),
        last="partial",
    )
    try:
        loader.set_epoch(epoch)
        for part in loader:
            numbers = places[part["sample"].numpy()]
            kept = numbers >= 0
            yield numbers[kept], part["views"][0][torch.from_numpy(kept).to(part["views"][0].device)]
    finally:
        loader.close()
