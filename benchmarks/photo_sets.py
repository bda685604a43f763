"""The photo sets that masks are judged on: where they lie, which of their photos are taken, their truths.

They lie below one folder, each as it was published. `open_sets` leaves out, and names, what is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from maskgen.evaluation.coco import read_instances
from maskgen.evaluation.folder import pictures
from maskgen.evaluation.halves import Half, half_of
from maskgen.evaluation.reading import Blob, Truth
from maskgen.io.atomic import write_atomic
from maskgen.pipelines.sources.containers.tfrecord import features, records

PASCAL_FOREGROUND = 128
"""PASCAL-S says how many of twelve people took a pixel for foreground: from one half on it is."""

BY_EYE = 60
"""Photos of ImageNet that are looked at."""


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """Photos by name, sorted, and their truths; without truths a set is judged by eye."""

    name: str
    photos: Mapping[str, Blob]
    truths: Mapping[str, Truth] = field(default_factory=dict)


def _ecssd(folder: str) -> Callable[[Path, Path], PhotoSet]:
    def read(data: Path, work: Path) -> PhotoSet:  # noqa: ARG001 - all sets are opened alike
        return PhotoSet(
            folder, pictures(data / folder / "images"), pictures(data / folder / "ground_truth_mask")
        )

    return read


def _pascal(folder: str, photos: str, truths: str) -> Callable[[Path, Path], PhotoSet]:
    def read(data: Path, work: Path) -> PhotoSet:
        place = work / "truths" / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, blob in pictures(data / folder / truths).items():
            if not (place / f"{name}.png").exists():
                votes = cv2.imdecode(np.frombuffer(blob.read(), np.uint8), cv2.IMREAD_GRAYSCALE)
                drawn = np.where(votes >= PASCAL_FOREGROUND, np.uint8(255), np.uint8(0))
                write_atomic(place / f"{name}.png", bytes(cv2.imencode(".png", drawn)[1]))
        return PhotoSet(folder, pictures(data / folder / photos), pictures(place))

    return read


def _coco(data: Path, work: Path) -> PhotoSet:  # noqa: ARG001
    place = data / "coco_tiny_160"
    truths = read_instances(place / "annotations" / "instances_train2017.json")
    return PhotoSet("coco", pictures(place / "train2017"), truths)


def _raccoon(data: Path, work: Path) -> PhotoSet:  # noqa: ARG001
    path, wanted = data / "raccoon_200" / "data" / "test.record", "image/encoded"
    photos = {}
    for record in records(path):
        start, end = features(record.data, frozenset({wanted}))[wanted].spans[0]
        photos[f"{record.number:02d}"] = Blob(str(path), record.offset + start, end - start)
    return PhotoSet("raccoon", photos)


def _dali(data: Path, work: Path) -> PhotoSet:  # noqa: ARG001
    return PhotoSet("dali_coco", pictures(data / "dali_coco" / "images"))


def _imagenet(data: Path, work: Path) -> PhotoSet:  # noqa: ARG001
    return PhotoSet("imagenet", _spaced(pictures(data / "imagenet_sample_1000"), BY_EYE))


MEASURED: dict[str, Callable[[Path, Path], PhotoSet]] = {
    "ecssd": _ecssd("ecssd"),
    "ecssd_hard": _ecssd("ecssd_hard"),
    "pascal_s": _pascal("pascal_s", "images", "gt"),
    "rbd108": _pascal("rbd108", "SRC", "GT"),
    "coco": _coco,
}
"""Sets with truths: from the data's folder and the work folder."""

LOOKED_AT: dict[str, Callable[[Path, Path], PhotoSet]] = {
    "raccoon": _raccoon,
    "dali_coco": _dali,
    "imagenet": _imagenet,
}
"""Sets judged by eye, on contact sheets."""

TITLES = {
    "ecssd": "ECSSD easy",
    "ecssd_hard": "ECSSD hard",
    "pascal_s": "PASCAL-S",
    "rbd108": "rbd108",
    "coco": "COCO",
}
"""ECSSD 0128 to 0460 and 0461 to 0640; PASCAL-S 41 to 160 and 1 to 40; COCO 2017, the union of instances."""

_COLLECTIONS = {"ecssd": "ecssd", "ecssd_hard": "ecssd", "pascal_s": "pascal_s", "rbd108": "pascal_s"}


def open_set(name: str, data: Path, work: Path, half: Half, limit: int = 0) -> PhotoSet:
    """One set's photos of one half, at most `limit` of them at equal distances where that is not 0.

    Args:
        name: of `MEASURED` or `LOOKED_AT`.
        data: the folder of all sets.
        work: a folder for truths that are brought into another form.
        half: which photos; a set that the rule does not name judges only.
        limit: most photos; 0 takes all.
    """
    whole = (MEASURED | LOOKED_AT)[name](data, work)
    collection = _COLLECTIONS.get(name)
    photos = {
        name: blob
        for name, blob in whole.photos.items()
        if (half_of(collection, int(name)) if collection else "judge") == half
        and (not whole.truths or name in whole.truths)
    }
    photos = _spaced(photos, limit) if limit else photos
    return PhotoSet(whole.name, photos, {name: whole.truths[name] for name in photos if whole.truths})


def _spaced(photos: Mapping[str, Blob], count: int) -> dict[str, Blob]:
    names = sorted(photos)
    places = np.unique(np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int))
    return {names[place]: photos[names[place]] for place in places}
