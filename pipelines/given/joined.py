"""Whether masks and photos belong together at all, before hours are spent on photos without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from maskgen.config.counted import counted
from maskgen.errors import ImageFault, UsageError
from maskgen.io.storage.location import Location
from maskgen.shards.plan import PlannedImage, shard_rows

from .look import GivenMasks
from .open import Finder, open_given

T = TypeVar("T")
_SHARDS, _PHOTOS = 8, 16


def check_joined(masks: GivenMasks, output: Location, numbers: Sequence[int], *, spare: bool) -> str:
    """Look for the masks of a few photos from all over the plan.

    Args:
        masks: that the run is given.
        output: where the plan's table is.
        numbers: of the shards that will be made.
        spare: whether the run may go on without any: it gives such photos an empty mask, or its failure
            budget allows for all.

    Returns:
        A sentence if there is none for any of them and the run is spared; else nothing.

    Raises:
        UsageError: there is none for any of them.
        ShardFault: the plan's table, or shards that hold the masks, are damaged.
    """
    shards = [shard_rows(output, number) for number in _spread(numbers, _SHARDS)]
    photos = [photo for rows in shards for photo in _spread(rows, _PHOTOS)]
    find = open_given(masks)
    if not photos or any(_has_mask(find, photo) for photo in photos):
        return ""
    drawn = f"none of {counted(len(photos), 'photo')} drawn from the whole plan"
    if spare:
        return f"{drawn} has a mask in {masks.path}"
    first = photos[0].sample
    raise UsageError(
        "the masks are not those of these photos",
        where=masks.path,
        cause=f"{drawn} has one there (first: path {first.path}, key {first.key})",
        remedy="give the masks under the photos' paths or keys; to go on in any case, --max-failures 100%",
    )


def _spread(things: Sequence[T], most: int) -> list[T]:
    count = min(most, len(things))
    return [things[at * len(things) // count] for at in range(count)]


def _has_mask(find: Finder, photo: PlannedImage) -> bool:
    try:
        return find(photo.sample) is not None
    except ImageFault as fault:
        return fault.reason != "no-mask"
