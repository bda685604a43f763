"""A part of an open data set, as a data set of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from maskgen.shards.subset import Subset, SubsetDraw
from maskgen.types import Label

from .dataset import Dataset
from .labels import shard_labels, shard_paths

__all__ = ["Subset", "take_subset"]


def take_subset(dataset: Dataset, subset: Subset) -> Dataset:
    """The data set that holds those samples alone, numbered anew in their old order.

    Args:
        dataset: without `photos`, which are joined afterwards.
        subset: of its samples.

    Raises:
        UsageError: the subset asks for keys, labels or more samples than there are.
        ShardFault: a table is damaged.
    """
    draw = SubsetDraw(subset)
    for shard in dataset.shards:
        nothing = [None] * len(shard.keys)
        labels: Sequence[Label] = shard_labels(dataset, shard) if subset.needs_labels else nothing
        paths: Sequence[str | None] = shard_paths(dataset, shard) if subset.keys else nothing
        for key, label, path in zip(shard.keys.tolist(), labels, paths, strict=True):
            draw.add(key.decode(), label, path)
    mask = draw.chosen()
    if mask.all():
        return dataset
    chosen = np.flatnonzero(mask).astype("<i8").tobytes()
    digest = hashlib.sha256(b"subset " + dataset.fingerprint.encode() + chosen).hexdigest()
    return dataset.take(mask, digest)
