"""Whatever kind of place it is: the mask of a photo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from maskgen.shards.sample import SampleId

from .coco import CocoMasks
from .fit import Found
from .look import GivenMasks
from .shards import ShardMasks
from .tree import MaskTree

Finder: TypeAlias = Callable[[SampleId], Found | None]
"""The mask of a sample's photo, None where there is none; raises an ImageFault where it cannot be used."""


def open_given(masks: GivenMasks) -> Finder:
    """What finds the masks of a place; made in the process that uses it.

    Raises:
        SourceFault: no COCO file.
        ShardFault: shards that are damaged.
    """
    path = Path(masks.path)
    if masks.kind == "coco":
        coco = CocoMasks(path)
        return lambda sample: coco.find(sample.path)
    if masks.kind == "shards":
        shards = ShardMasks(path)
        return lambda sample: shards.find(sample.path, sample.key)
    tree = MaskTree(path)

    def find(sample: SampleId) -> Found | None:
        levels = tree.find(sample.path, sample.key)
        return None if levels is None else Found(levels, (levels.shape[0], levels.shape[1]))

    return find
