"""Caltech-101, which ships no split: one drawn by a seed, as the papers' tables count its photos."""

from __future__ import annotations

import numpy as np

from .folder import Pictures, SetFolder

TRAIN, VALIDATION = 25, 5
"""Photos of each class."""
_FOLDER = "101_ObjectCategories"


def read_caltech101(home: SetFolder, split: str, partition: int) -> Pictures:
    """30 photos of each class to learn from, 5 of which choose; all others are the test.

    The class BACKGROUND_Google counts as any other: so come the 3,060 training photos of 102 classes and the
    6,084 test photos of the tables (Kornblith, Shlens and Le, "Do better ImageNet models transfer better?",
    CVPR 2019, Table 1, https://arxiv.org/abs/1805.08974). Which photos these are the papers do not say; here
    a permutation of each class's photos by (partition, class) decides, so that a part of the classes is split
    alike.

    Args:
        home: of the set.
        split: ``train``, ``val``, ``trainval`` or ``test``.
        partition: the seed, from 1.

    Raises:
        SourceFault: there are no photos, or a class has fewer than 31.
    """
    place = home.root / _FOLDER
    names = dict(enumerate(sorted(one.name for one in place.iterdir() if one.is_dir())))
    first, last = {
        "train": (0, TRAIN),
        "val": (TRAIN, TRAIN + VALIDATION),
        "trainval": (0, TRAIN + VALIDATION),
        "test": (TRAIN + VALIDATION, None),
    }[split]
    rows = []
    for label, name in names.items():
        photos = sorted(path.name for path in (place / name).iterdir() if path.suffix.lower() == ".jpg")
        if len(photos) <= TRAIN + VALIDATION:
            what = f"the class {name} of {home.title} has {len(photos)} photos, too few to be split"
            raise home.fault(what, place / name, "half a download")
        order = np.random.default_rng([partition, *name.encode()]).permutation(len(photos))
        rows += [(f"{name}/{photos[number]}", label) for number in sorted(order[first:last].tolist())]
    if not rows:
        raise home.fault(f"there are no classes of {home.title}", place, "half a download")
    return home.pictures(_FOLDER, rows, names)
