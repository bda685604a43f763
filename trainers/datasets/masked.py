"""Photos with the mask of their foreground: of shards, or photos in a folder beside true masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskgen.config.fingerprint import digest
from maskgen.errors import ImageFault, UsageError
from maskgen.evaluation.folder import pictures
from maskgen.evaluation.names import name_of
from maskgen.evaluation.pairs import open_truths
from maskgen.evaluation.reading import Blob, Truth, read_photo, read_truth
from maskgen.io.atomic import file_sha256
from maskgen.io.images.stored import decode_mask, decode_photo
from maskgen.loaders import Dataset, open_dataset
from maskgen.loaders.dataset.labels import shard_paths
from maskgen.loaders.reading.samples import SampleReader
from maskgen.shards import naming
from maskgen.shards.sample import hard_mask
from maskgen.types import RGB, HardMask

Masked = tuple[RGB, HardMask]


@dataclass(frozen=True, eq=False)
class MaskedImages:
    """Photos with masks, read when they are asked for.

    Args:
        count: of them.
        fingerprint: of which photos and masks these are, and in what order.
        read: a photo by its number, (H, W, 3) uint8 RGB, and its (H, W) bool foreground; safe to call from
            several threads.
        key: of a photo, by its number.
        unpaired: photos that were left out, because they have no true mask.
    """

    count: int
    fingerprint: str
    read: Callable[[int], Masked]
    key: Callable[[int], str]
    unpaired: int = 0

    def __len__(self) -> int:
        return self.count

    def take(self, rows: NDArray[np.int64]) -> MaskedImages:
        """Some of the photos, in the order of `rows`, (n,) int64."""
        read, key = self.read, self.key
        mark = digest([self.fingerprint, digest(rows.tolist())])
        return MaskedImages(
            len(rows), mark, lambda n: read(int(rows[n])), lambda n: key(int(rows[n])), self.unpaired
        )

    def draw(self, most: int, seed: int = 0) -> MaskedImages:
        """The photos, or `most` of them, drawn once and for all; 0: all."""
        if not most or len(self) <= most:
            return self
        return self.take(np.sort(np.random.default_rng(seed).permutation(len(self))[:most]))


def open_masked(data: Path, truth: Path | None = None) -> MaskedImages:
    """Photos of shards with the shards' own masks, or any photos with true ones.

    Args:
        data: shards, if the folder holds a manifest; else a folder of pictures, which needs `truth`.
        truth: a folder of PNG or JPEG masks (foreground above 128), or COCO's ``instances_*.json``, where an
            image's foreground is the union of its objects, crowds too. Paired by the stem of the file's name,
            shards also by key. Photos without a truth are left out and counted.

    Raises:
        UsageError: no photo has a mask, or the truth cannot be read.
        ShardFault: the shards are damaged, or hold no photos.
    """
    packed = (data / naming.MANIFEST).exists()
    if truth is None:
        if not packed:
            raise UsageError(
                "a folder of photos has no masks",
                where=str(data),
                remedy="give shards, or --truth with a folder of masks or COCO's instances_*.json",
            )
        return masked_of_shards(open_dataset(data))
    truths = open_truths(truth)
    found = _with_truth(open_dataset(data), truths) if packed else _folder_with_truth(data, truths)
    if not len(found):
        raise UsageError(
            "no photo has a true mask",
            where=f"{data} and {truth}",
            cause="they pair by the stem of the file's name, and no name is in both",
            remedy="name the masks as the photos",
        )
    mark = digest([found.fingerprint, _mark(truth, truths)])
    return MaskedImages(found.count, mark, found.read, found.key, found.unpaired)


def masked_of_shards(dataset: Dataset) -> MaskedImages:
    """The photos and masks of shards; foreground is what the shards count as such."""
    reader = SampleReader(dataset, (naming.PHOTO, naming.MASK))

    def read(number: int) -> Masked:
        photo = _photo(reader, number)
        data = reader.encoded(number, naming.MASK).tobytes()
        try:
            stored = decode_mask(data)
        except ImageFault as fault:
            raise reader.fault(number, naming.MASK, "a mask does not decode", str(fault)) from fault
        return photo, hard_mask(stored, dataset.level, (photo.shape[0], photo.shape[1]))

    return MaskedImages(dataset.samples, dataset.fingerprint, read, lambda n: _key(dataset, n))


def _with_truth(dataset: Dataset, truths: Mapping[str, Truth]) -> MaskedImages:
    """Photos of shards, by key, else by the name of the original file."""
    names: list[tuple[int, str]] = []
    for shard in dataset.shards:
        keys = [key.decode() for key in shard.keys.tolist()]
        stems = [name_of(path or "") for path in shard_paths(dataset, shard)]
        for row, either in enumerate(zip(keys, stems, strict=True)):
            known = [name for name in either if name in truths]
            names += [(shard.first + row, known[0])] if known else []
    reader = SampleReader(dataset, (naming.PHOTO,))

    def read(number: int) -> Masked:
        sample, name = names[number]
        return _fitting(_photo(reader, sample), truths[name], name)

    lost = dataset.samples - len(names)
    return MaskedImages(len(names), dataset.fingerprint, read, lambda n: names[n][1], lost)


def _folder_with_truth(folder: Path, truths: Mapping[str, Truth]) -> MaskedImages:
    photos = pictures(folder)
    names = [name for name in photos if name in truths]
    mark = digest([(name, Path(photos[name].file).stat().st_size) for name in names])

    def read(number: int) -> Masked:
        name = names[number]
        return _fitting(read_photo(photos[name]), truths[name], name)

    return MaskedImages(len(names), mark, read, names.__getitem__, len(photos) - len(names))


def _fitting(photo: RGB, truth: Truth, name: str) -> Masked:
    mask, crowds = read_truth(truth)
    if mask.shape != photo.shape[:2]:
        raise UsageError(
            f"a mask of {mask.shape[1]}x{mask.shape[0]} px for a photo of {photo.shape[1]}x{photo.shape[0]}",
            where=name,
            cause="it was drawn on another size of the photo, or they only share a name",
            remedy="give masks of the photos' size",
        )
    return photo, mask | crowds


def _photo(reader: SampleReader, number: int) -> RGB:
    try:
        return decode_photo(reader.encoded(number, naming.PHOTO).tobytes())
    except ImageFault as fault:
        raise reader.fault(number, naming.PHOTO, "a photo does not decode", str(fault)) from fault


def _key(dataset: Dataset, number: int) -> str:
    return dataset.keys(np.array([number], np.int64))[0]


def _mark(truth: Path, truths: Mapping[str, Truth]) -> str:
    if truth.is_file():
        return file_sha256(truth)
    files = {name: Path(blob.file) for name, blob in truths.items() if isinstance(blob, Blob)}
    return digest({name: file.stat().st_size for name, file in files.items()})
