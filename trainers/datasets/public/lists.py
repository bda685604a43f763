"""Sets whose splits are lists of text: Pets, DTD, Aircraft, Food-101, SUN397, Places365."""

from __future__ import annotations

from pathlib import PurePosixPath

from .folder import Pictures, SetFolder


def read_pets(home: SetFolder, split: str, _partition: int) -> Pictures:
    """``annotations/trainval.txt``: lines ``Abyssinian_100 1 1 1``, the second word counts classes from 1.

    Raises:
        SourceFault: a file is missing or is none of the set's.
    """
    rows, names = [], {}
    list_name = f"annotations/{split}.txt"
    for line in home.rows(list_name):
        parts = line.split()
        if line.startswith("#"):  # list.txt has such lines
            continue
        if len(parts) != 4 or not parts[1].isdecimal() or "_" not in parts[0]:
            raise home.fault(f"a line that is none of {home.title}: {line[:80]!r}", home.root / list_name)
        label = int(parts[1]) - 1
        rows.append((f"{parts[0]}.jpg", label))
        names[label] = parts[0].rpartition("_")[0]
    return home.pictures("images", rows, names)


def read_dtd(home: SetFolder, split: str, partition: int) -> Pictures:
    """``labels/train1.txt`` to ``train10.txt``: lines ``banded/banded_0002.jpg``.

    Raises:
        SourceFault: as `read_pets`.
    """
    parts = ("train", "val") if split == "trainval" else (split,)
    paths = [path for part in parts for path in home.rows(f"labels/{part}{partition}.txt")]
    return _by_folder(home, "images", paths)


def read_aircraft(home: SetFolder, split: str, _partition: int) -> Pictures:
    """``images_variant_trainval.txt``: lines ``1025794 707-320``; ``variants.txt`` numbers the classes.

    Raises:
        SourceFault: as `read_pets`.
    """
    names = dict(enumerate(home.rows("variants.txt")))
    numbers = {name: number for number, name in names.items()}
    rows = []
    for line in home.rows(f"images_variant_{split}.txt"):
        photo, _, name = line.partition(" ")
        if name not in numbers:
            where = home.root / f"images_variant_{split}.txt"
            raise home.fault(f"a variant that variants.txt lacks, {name!r}", where)
        rows.append((f"{photo}.jpg", numbers[name]))
    return home.pictures("images", rows, names)


def read_food101(home: SetFolder, split: str, _partition: int) -> Pictures:
    """``meta/train.txt``: lines ``apple_pie/1005649``.

    Raises:
        SourceFault: as `read_pets`.
    """
    return _by_folder(home, "images", [f"{line}.jpg" for line in home.rows(f"meta/{split}.txt")])


def read_sun397(home: SetFolder, split: str, partition: int) -> Pictures:
    """``Training_01.txt`` to ``Testing_10.txt``: lines ``/a/abbey/sun_aaalbzqrimafwbiv.jpg``.

    Classes count in the order of ``ClassName.txt``, whose lines are their folders.

    Raises:
        SourceFault: as `read_pets`.
    """
    folders = home.rows("ClassName.txt", "Partitions/ClassName.txt")
    numbers = {folder.strip("/"): number for number, folder in enumerate(folders)}
    name = f"{'Training' if split == 'train' else 'Testing'}_{partition:02d}.txt"
    rows = []
    for line in home.rows(name, f"Partitions/{name}"):
        path = line.strip("/")
        folder = str(PurePosixPath(path).parent)
        if folder not in numbers:
            raise home.fault(f"a class that ClassName.txt lacks, {folder!r}", home.root / name)
        rows.append((path, numbers[folder]))
    return home.pictures("", rows, {number: folder for folder, number in numbers.items()})


def read_places365(home: SetFolder, split: str, _partition: int) -> Pictures:
    """``places365_val.txt``: lines ``Places365_val_00000001.jpg 165``; ``categories_places365.txt``: names.

    The photos of 256 px are taken where they are there (``val_256``, ``data_256``), else the large ones.

    Raises:
        SourceFault: as `read_pets`.
    """
    lists = "places365_train_standard.txt" if split == "train" else "places365_val.txt"
    large_last = ("data_256_standard", "data_256", "data_large_standard", "data_large")
    folders = large_last if split == "train" else ("val_256", "val_large")
    names = {label: path.strip("/") for path, label in _numbered(home, "categories_places365.txt")}
    rows = [(path.strip("/"), label) for path, label in _numbered(home, lists)]
    below = next((name for name in folders if (home.root / name).is_dir()), folders[0])
    return home.pictures(below, rows, names)


def _numbered(home: SetFolder, name: str) -> list[tuple[str, int]]:
    """Lines of a path and a number."""
    found = []
    for line in home.rows(name):
        path, _, number = line.rpartition(" ")
        if not path or not number.isdecimal():
            raise home.fault(f"a line without a path and a number: {line[:80]!r}", home.root / name)
        found.append((path, int(number)))
    return found


def _by_folder(home: SetFolder, below: str, paths: list[str]) -> Pictures:
    """Pictures whose folders are their classes, in the order of the names."""
    classes = sorted({path.partition("/")[0] for path in paths})
    numbers = {name: number for number, name in enumerate(classes)}
    rows = [(path, numbers[path.partition("/")[0]]) for path in paths]
    return home.pictures(below, rows, dict(enumerate(classes)))
