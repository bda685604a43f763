"""Tiny ImageNet (Stanford CS231n): 200 classes of 64 x 64 px; its test photos have no published classes."""

from __future__ import annotations

from .folder import Pictures, SetFolder

_LIST = "val/val_annotations.txt"


def read_tiny_imagenet(home: SetFolder, split: str, _partition: int) -> Pictures:
    """``train/n01443537/images/``, and ``val/images/`` with lines ``val_0.JPEG n03444034 0 32 44 62``.

    Classes are wnids, numbered in their order: those of ``wnids.txt``, or of the split where that is missing.

    Args:
        home: of the set.
        split: ``train`` or ``val``.

    Raises:
        SourceFault: a file is missing or is none of the set's.
    """
    rows = _train(home) if split == "train" else _val(home)
    listed = (home.root / "wnids.txt").is_file()
    names = dict(enumerate(sorted(home.rows("wnids.txt") if listed else {wnid for _, wnid in rows})))
    numbers = {wnid: number for number, wnid in names.items()}
    if unknown := [wnid for _, wnid in rows if wnid not in numbers]:
        raise home.fault(f"a class that wnids.txt lacks, {unknown[0][:20]!r}", home.root / split)
    below = "train" if split == "train" else "val/images"
    return home.pictures(below, [(path, numbers[wnid]) for path, wnid in rows], names)


def _train(home: SetFolder) -> list[tuple[str, str]]:
    """The photos' paths and wnids."""
    place = home.root / "train"
    folders = sorted(place.glob("n*/images")) if place.is_dir() else []
    rows = [
        (f"{folder.parent.name}/images/{photo.name}", folder.parent.name)
        for folder in folders
        for photo in sorted(folder.iterdir())
    ]
    if not rows:
        raise home.fault(f"there are no training photos of {home.title}", place, "half a download")
    return rows


def _val(home: SetFolder) -> list[tuple[str, str]]:
    rows = []
    for line in home.rows(_LIST):
        parts = line.split()
        if len(parts) != 6:
            raise home.fault(f"a line that is none of {home.title}: {line[:80]!r}", home.root / _LIST)
        rows.append((parts[0], parts[1]))
    return rows
