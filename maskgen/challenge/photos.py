"""The photos of a data set taken apart, by number."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from maskgen.loaders import Dataset
from maskgen.loaders.dataset.labels import shard_paths
from maskgen.loaders.reading.samples import SampleReader

from ..errors import ImageFault
from ..io.images.stored import decode_mask, decode_photo
from ..shards import naming
from .variants import Scene, take_apart


class Photo(NamedTuple):
    """A photo taken apart, and the SHA-256 of the bytes it was decoded from."""

    scene: Scene
    sha256: str


class Photos:
    """Reads photos and masks; safe to share among threads.

    Args:
        dataset: an open one, with photos.
        side: of the squares, px.
    """

    def __init__(self, dataset: Dataset, side: int) -> None:
        self._reader = SampleReader(dataset, (naming.PHOTO, naming.MASK))
        self.dataset, self._side = dataset, side

    def close(self) -> None:
        """Close the files."""
        self._reader.close()

    def read(self, number: int) -> Photo:
        """A photo.

        Raises:
            BrokenSample: it is damaged, or does not decode.
        """
        data = self._reader.encoded(number, naming.PHOTO).tobytes()
        stored = self._reader.encoded(number, naming.MASK).tobytes()
        ext = naming.PHOTO
        try:
            picture, ext = decode_photo(data), naming.MASK
            mask = decode_mask(stored)
        except ImageFault as fault:
            raise self._reader.fault(number, ext, "a picture does not decode", str(fault)) from fault
        scene = take_apart(picture, mask, self.dataset.level, self._side)
        return Photo(scene, hashlib.sha256(data).hexdigest())

    def paths(self) -> list[str]:
        """Where each photo lay in its source."""
        return [path or "" for shard in self.dataset.shards for path in shard_paths(self.dataset, shard)]
