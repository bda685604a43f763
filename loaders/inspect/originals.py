"""The original photos of some samples, as pictures: of any format that stage one reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from maskgen.errors import ImageFault, ShardFault
from maskgen.io.images.decode import Limits, decode
from maskgen.io.storage.location import Location
from maskgen.io.storage.reading import open_bytes
from maskgen.shards.record import Record
from maskgen.types import RGB

from ..dataset.find_originals import find_photos
from ..dataset.originals import Place, read_paths, read_place

_LIMITS = Limits(max_bytes=1 << 28, max_pixels=1 << 28, max_side=1 << 16)


def read_originals(
    data: Location, photos: Location, wanted: Iterable[tuple[Record, tuple[int, ...]]]
) -> dict[str, RGB]:
    """The photos that masks were made of.

    Args:
        data: the folder of the shards, or its address.
        photos: the folder of the originals, or its address.
        wanted: for each shard the places of samples in it.

    Returns:
        By key, (H, W, 3) uint8 RGB, upright, at their own size.

    Raises:
        ShardFault: a photo is missing, cannot be decoded, or is not the one that the mask was made from.
        UsageError: no such folder.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    parts = []
    for record, places in wanted:
        paths = read_paths(data, record.name)
        parts.append(paths.take(np.isin(np.arange(len(paths.keys)), places)))
    found = find_photos(photos, parts, data)
    return {
        key: read_original(photos, next(found), key, sha256)
        for part in parts
        for key, sha256 in zip(part.keys.to_pylist(), part.sha256.to_pylist(), strict=True)
    }


def read_original(photos: Location, place: Place, key: str, sha256: str = "") -> RGB:
    """One photo.

    Args:
        photos: the folder of the originals, or its address.
        place: of the photo there.
        key: of its sample.
        sha256: of its bytes; empty where any will do.

    Returns:
        (H, W, 3) uint8 RGB, upright, at its own size.

    Raises:
        ShardFault: it cannot be read or decoded, or has another SHA-256.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    try:
        with open_bytes(photos / place.file) as file:
            data = read_place(file.read_at, place)
        if sha256 and hashlib.sha256(data).hexdigest() != sha256:
            raise ShardFault(
                "a photo is not the one that the mask was made from",
                where=f"{key} in {photos / place.file}",
                cause="another SHA-256 than in the table",
                remedy="give the folder of the originals, unchanged",
            )
        return decode(data, _LIMITS).image
    except (ImageFault, OSError) as fault:
        raise ShardFault(
            "cannot read a photo",
            where=f"{key} in {photos / place.file}",
            cause=str(fault),
            remedy="give the folder of the originals, unchanged",
        ) from fault
