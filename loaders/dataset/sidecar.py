"""Joining shards without photos with the originals."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from maskgen.errors import UsageError
from maskgen.io.storage.location import Location
from maskgen.shards import naming

from .dataset import Dataset
from .find_originals import find_photos
from .originals import Paths, Photos, join_checksums, read_paths
from .shard import Shard


def join(dataset: Dataset, folder: Location, *, check_hashes: bool, drop: bool) -> Dataset:
    """A sidecar data set with the photos of its samples, see `open_dataset`.

    Raises:
        ShardFault: a photo is missing or is not the one that the mask was made from.
        UsageError: the shards hold photos themselves, or some are unfit and `drop` is off.
    """
    if naming.stored_ext(naming.PHOTO, dataset.members) in dataset.members:
        raise UsageError("the shards hold their photos themselves", arguments=[("photos", None)])
    paths = {shard.name: _paths_of(dataset.path, shard) for shard in dataset.shards}
    unfit = [key for p in paths.values() for key in np.array(p.keys)[~p.fit].tolist()]
    if unfit and not drop:
        raise UsageError(
            f"{len(unfit)} of {dataset.samples} originals are no upright plain JPEG of the size their mask "
            "was made for",
            where=", ".join(unfit[:3]),
            cause="PNG, CMYK or EXIF-rotated photos, or a run with --short-side",
            remedy="make the shards with --layout full",
            arguments=[("unfit_photos", "drop")],
        )
    kept = [p.take(p.fit) for p in paths.values()]
    found = Photos(folder, find_photos(folder, kept, dataset.path), join_checksums(kept))
    found.check(kept, everything=check_hashes)
    digest = hashlib.sha256(b"photos " + dataset.fingerprint.encode() + repr(unfit).encode()).hexdigest()
    fit = np.concatenate([np.zeros(0, np.bool_), *(p.fit for p in paths.values())])
    part = dataset if fit.all() else dataset.take(fit, digest)
    return replace(part, fingerprint=digest, photos=found)


def _paths_of(folder: Location, shard: Shard) -> Paths:
    """What the table says of those samples of a shard that the data set has."""
    paths = read_paths(folder, shard.name)
    if len(paths.keys) == len(shard.keys):
        return paths
    return paths.take(np.isin(np.array(paths.keys.to_pylist(), np.bytes_), shard.keys))
