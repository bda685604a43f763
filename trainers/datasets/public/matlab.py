"""Sets whose splits are MATLAB files: Flowers-102 and Cars."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .folder import Pictures, SetFolder

_FLOWERS = {"train": ("trnid",), "val": ("valid",), "trainval": ("trnid", "valid"), "test": ("tstid",)}


def read_flowers102(home: SetFolder, split: str, _partition: int) -> Pictures:
    """``imagelabels.mat`` counts classes from 1, ``setid.mat`` photos, as ``jpg/image_00001.jpg``.

    Raises:
        SourceFault: a file is missing or is none of the set's.
    """
    path = home.file("imagelabels.mat")
    classes = [int(one) - 1 for one in home.column(path, home.mat("imagelabels.mat"), "labels")]
    ids, where = home.mat("setid.mat"), home.file("setid.mat")
    numbers = [int(number) for name in _FLOWERS[split] for number in home.column(where, ids, name)]
    if not numbers or min(numbers) < 1 or max(numbers) > len(classes):
        what = f"setid.mat asks for other photos than the {len(classes)} that imagelabels.mat knows"
        raise home.fault(what, where, "files of two versions")
    rows = [(f"image_{number:05d}.jpg", classes[number - 1]) for number in numbers]
    return home.pictures("jpg", rows, {number: f"{number + 1}" for number in set(classes)})


def read_cars(home: SetFolder, split: str, _partition: int) -> Pictures:
    """``cars_annos.mat`` with ``car_ims/``; or the older devkit with ``cars_train/`` and ``cars_test/``.

    Raises:
        SourceFault: a file is missing or is none of the set's.
    """
    if (home.root / "cars_annos.mat").is_file():
        return _cars_together(home, split)
    path = home.file(
        *(
            ("devkit/cars_train_annos.mat", "cars_train_annos.mat")
            if split == "train"
            else ("cars_test_annos_withlabels.mat", "devkit/cars_test_annos_withlabels.mat")
        )
    )
    rows = [
        (str(one["fname"]), int(one["class"]) - 1)
        for one in _structs(home, path, home.mat(str(path.relative_to(home.root))), ("fname", "class"))
    ]
    listing = home.file("devkit/cars_meta.mat", "cars_meta.mat")
    names = home.column(listing, home.mat(str(listing.relative_to(home.root))), "class_names")
    return home.pictures(f"cars_{split}", rows, {number: str(name) for number, name in enumerate(names)})


def _cars_together(home: SetFolder, split: str) -> Pictures:
    path = home.file("cars_annos.mat")
    values = home.mat("cars_annos.mat")
    fields = ("relative_im_path", "class", "test")
    rows = [
        (str(one["relative_im_path"]), int(one["class"]) - 1)
        for one in _structs(home, path, values, fields)
        if bool(one["test"]) == (split == "test")
    ]
    names = {number: str(name) for number, name in enumerate(home.column(path, values, "class_names"))}
    return home.pictures("", rows, names)


def _structs(home: SetFolder, path: Path, values: Mapping[str, Any], fields: tuple[str, ...]) -> list[Any]:
    """The array of structs ``annotations`` of a MATLAB file."""
    found = np.atleast_1d(values.get("annotations", ()))
    lacking = [name for name in fields if name not in (found.dtype.names or ())]
    if lacking:
        what = f"a MATLAB file of {home.title} has no annotations with {', '.join(lacking)}"
        raise home.fault(what, path, "the test annotations without labels, or another file")
    return list(found)
