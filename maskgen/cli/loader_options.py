"""Recipes and data sets as the commands about the loader take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError
from ..io.storage.address import is_address
from ..io.storage.location import Location

if TYPE_CHECKING:
    from maskgen.loaders import Dataset, Recipe

_NEARBY_BYTES = 16 << 30
"""Of the tars of a remote data set that lie here while it is read through once."""


def find_recipe(name: str) -> Recipe:
    """A recipe of `RECIPES`, or of a .toml file.

    Raises:
        UsageError: there is none of this name, or the file holds none.
    """
    from maskgen.loaders.recipes.lookup import as_recipe

    return as_recipe(name)


def open_with_photos(data: Location, photos: Location | None) -> Dataset:
    """A data set with at least one photo to show.

    Raises:
        UsageError: it holds no photos and `photos` is not given, or it is empty.
        ShardFault: something is not what its manifest says.
    """
    from maskgen.loaders import open_dataset
    from maskgen.loaders.storage.temporary import cache_for

    from ..shards import naming

    dataset = open_dataset(
        str(data), photos=None if photos is None else str(photos), cache=cache_for(str(data))
    )
    if naming.stored_ext(naming.PHOTO, dataset.members) not in dataset.members and photos is None:
        raise UsageError(
            "the shards hold no photos (layout sidecar)",
            where=str(data),
            remedy="give --photos, the folder of the originals",
        )
    if not dataset.samples:
        raise UsageError("the data set has no samples", where=str(data), remedy="maskgen status")
    return dataset


def open_for_export(data: Location, photos: Location | None) -> Dataset:
    """A data set that is read once, in order; of a remote one, few tars lie here at a time.

    Raises:
        UsageError: the run has not ended, or `photos` are given for shards with photos.
        ShardFault: something is not what its manifest says.
    """
    from maskgen.loaders import open_dataset
    from maskgen.loaders.storage.temporary import cache_for

    return open_dataset(
        str(data),
        photos=None if photos is None else str(photos),
        cache=cache_for(str(data)),
        cache_bytes=_NEARBY_BYTES if is_address(str(data)) else None,
        shuffle="shards:1" if is_address(str(data)) else "global",
    )
