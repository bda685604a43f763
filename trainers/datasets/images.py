"""Labeled images for evaluation: a folder of classes, shards, or a public set; cut as the papers do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskgen.config.fingerprint import digest
from maskgen.errors import ImageFault, ShardFault, SourceFault, UsageError
from maskgen.io.folders import walk_folder
from maskgen.io.images.decode import Limits, decode
from maskgen.loaders import Dataset, open_dataset
from maskgen.loaders.dataset.labels import read_class_names, read_labels
from maskgen.loaders.dataset.photo_set import PhotoSet
from maskgen.loaders.reading.samples import SampleReader
from maskgen.shards import naming

from .public.place import Place, parse_place

_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
_LIMITS = Limits(max_bytes=64 << 20, max_pixels=64_000_000, max_side=32_768)
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Images:
    """N labeled images that are read when they are asked for.

    Args:
        labels: (N,) int64, the classes 0 .. C-1; every image has one.
        fingerprint: of which images these are, and in what order.
        read: an image by its number, (H, W, 3) uint8 RGB; safe to call from several threads.
        names: of the classes that there are images of, by number; empty where only numbers are known.
        shards: the data set and the (N,) numbers of its samples, where the images lie in shards.
        files: the N paths in a folder of classes; empty where they lie elsewhere.
    """

    labels: NDArray[np.int64]
    fingerprint: str
    read: Callable[[int], Pixels]
    names: Mapping[int, str] = field(default_factory=dict)
    shards: tuple[Dataset, NDArray[np.int64]] | None = None
    files: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        """C."""
        return int(self.labels.max(initial=-1)) + 1

    def take(self, rows: NDArray[np.int64]) -> Images:
        """Some of the images, in the order of `rows`, (n,) int64."""
        read = self.read
        mark = digest([self.fingerprint, digest(rows.tolist())])
        shards = None if self.shards is None else (self.shards[0], self.shards[1][rows])
        files = [self.files[int(row)] for row in rows] if self.files else []
        return Images(
            self.labels[rows], mark, lambda number: read(int(rows[number])), self.names, shards, files
        )


def open_images(where: str | Path | Place) -> Images:
    """Shards, if the folder holds a manifest; else one folder per class, with pictures at any depth.

    Args:
        where: the folder, or a split of a public set as `parse_place` takes it: ``pets:PATH@test``.

    Raises:
        UsageError: there are no labeled images, no such set, or it has no such split.
        SourceFault: some files of a public set are missing.
        ShardFault: the shards are damaged.
    """
    place = where if isinstance(where, Place) else parse_place(where)
    return images_of_set(place) if isinstance(place, Place) else _images_of_place(place)


def images_of_set(place: Place) -> Images:
    """The labeled pictures of a split of a public set.

    Raises:
        UsageError: the split has no labels.
        SourceFault: some files of the set are missing.
    """
    found = place.open()
    if not (found.labels >= 0).all():
        raise UsageError(
            "these images have no labels",
            where=str(place),
            remedy=f"one of @{', @'.join(place.facts.splits)}; without labels, train-ssl trains on them",
        )
    return Images(found.labels, found.fingerprint, found.read, found.names)


def _images_of_place(path: Path) -> Images:
    found = (
        images_of_shards(open_dataset(path)) if (path / naming.MANIFEST).exists() else images_of_folder(path)
    )
    if not len(found):
        shards = (path / naming.MANIFEST).exists()
        raise UsageError(
            "there are no labeled images",
            where=str(path),
            cause="the shards were made without labels" if shards else "it has no folder with pictures",
            remedy="make the shards with `maskgen run --labels folder`, or give a folder that holds one "
            "folder of "
            "pictures for each class",
        )
    return found


def images_of_shards(dataset: Dataset) -> Images:
    """The labeled samples of shards."""
    labels = read_labels(dataset)
    samples = np.flatnonzero(labels >= 0)
    reader = SampleReader(dataset, (naming.PHOTO,))

    def read(number: int) -> Pixels:
        data = reader.encoded(int(samples[number]), naming.PHOTO)
        return _decode(data.tobytes(), f"sample {samples[number]}")

    named = read_class_names(dataset)
    names = {number: named[number] for number in np.unique(labels[samples]).tolist()} if named else {}
    return Images(labels[samples], dataset.fingerprint, read, names, (dataset, samples))


def images_of_data(data: Dataset | PhotoSet) -> Images:
    """The labeled images of what a run trains on."""
    if not isinstance(data, PhotoSet):
        return images_of_shards(data)
    images = Images(data.labels, data.fingerprint, data.read, data.names)
    return images if (data.labels >= 0).all() else images.take(np.flatnonzero(data.labels >= 0))


def images_of_folder(folder: Path) -> Images:
    """Pictures in one folder per class.

    Classes count in the order of their names, as torchvision's ImageFolder. Folders without a picture are no
    classes. Links are followed as `walk_folder` does.

    Raises:
        SourceFault: a folder cannot be listed, or a picture cannot be read.
    """
    found = [(Path(entry.name), entry) for entry in walk_folder(folder)] if folder.is_dir() else []
    pictures = sorted(
        (path, entry)
        for path, entry in found
        if len(path.parts) > 1 and path.suffix.lower() in _ENDINGS and entry.kind != "circle"
    )
    for path, entry in pictures:
        if entry.kind == "unreadable" and not (folder / path).is_file():  # only its name may be odd
            raise SourceFault(
                "a picture cannot be read",
                where=str(folder / path).encode("utf-8", "backslashreplace").decode(),
                cause="a broken link or a special file",
                remedy="mend or remove it",
            )
    names = dict(enumerate(sorted({path.parts[0] for path, _ in pictures})))
    labels = {name: label for label, name in names.items()}
    files = [(folder / path, labels[path.parts[0]]) for path, _ in pictures]
    listing = [(str(path), entry.size, labels[path.parts[0]]) for path, entry in pictures]

    def read(number: int) -> Pixels:
        path = files[number][0]
        return _decode(path.read_bytes(), str(path))

    inner = tuple(name for name, _, _ in listing)
    numbers = np.array([label for _, label in files], np.int64)
    return Images(numbers, digest(listing), read, names, files=inner)


def _decode(data: bytes, where: str) -> Pixels:
    try:
        return decode(data, _LIMITS).image
    except ImageFault as fault:
        raise ShardFault(
            "a picture does not decode", where=where, cause=str(fault), remedy="remove it"
        ) from fault


def center_crop(image: Pixels, side: int, share: float, interpolation: str = "bilinear") -> Pixels:
    """The central square of `share` times the short side, as (side, side, 3): 0.875 is 224 of 256 px.

    With antialiasing, as torchvision's Resize and CenterCrop on PIL images, in one step.

    Args:
        image: (H, W, 3).
        side: of what comes out, px.
        share: of the short side, above 0 to 1.
        interpolation: ``bilinear`` or ``bicubic``.
    """
    height, width = image.shape[:2]
    length = share * min(height, width)
    x, y = (width - length) / 2, (height - length) / 2
    return _cut(image, (x, y, x + length, y + length), side, _FILTERS[interpolation])


def random_crop(image: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    """A random resized crop (scale 0.08 to 1, ratio 3/4 to 4/3) and flip, as linear probes train with."""
    height, width = image.shape[:2]
    box = (0.0, 0.0, float(width), float(height))
    for _ in range(10):
        area = rng.uniform(0.08, 1.0) * height * width
        ratio = exp(rng.uniform(log(3 / 4), log(4 / 3)))
        w, h = (area * ratio) ** 0.5, (area / ratio) ** 0.5
        if w <= width and h <= height:
            x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
            box = (x, y, x + w, y + h)
            break
    crop = _cut(image, box, side)
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def _cut(
    image: Pixels,
    box: tuple[float, float, float, float],
    side: int,
    kind: Image.Resampling = Image.Resampling.BILINEAR,
) -> Pixels:
    return np.asarray(Image.fromarray(image).resize((side, side), kind, box=box))
