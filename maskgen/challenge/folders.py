"""A challenge as folders of pictures, as ImageNet-9 is laid out."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..io.atomic import PartialFile, disk_errors, sweep_partials
from ..shards.naming import safe_key
from ..types import HardMask

SPLIT = "val"
MASKS = "fg_mask"
"""The folder of the masks: (S, S) uint8 arrays of 0 and 1 as .npy, where the pictures have theirs."""


_PLAIN = re.compile(r"[^\x00-\x1f\\/.][^\x00-\x1f\\/]*")


def class_folders(labels: list[int], names: Mapping[int, str]) -> dict[int, str]:
    """A folder's name for each class, in whose order they sort.

    The classes' names where these sort as the labels, so that readers that match classes by name find them;
    else their numbers, with the names behind them.

    Args:
        labels: from the least.
        names: of the classes that have one.

    Example:
        >>> from maskgen.challenge.folders import class_folders
        >>> class_folders([2, 10], {2: "n01440764", 10: "n02086240"})
        {2: 'n01440764', 10: 'n02086240'}
        >>> class_folders([2, 10], {2: "night heron", 10: "bittern"})
        {2: '02_night_heron', 10: '10_bittern'}
    """
    plain = [names.get(label, "") for label in labels]
    if all(map(_PLAIN.fullmatch, plain)) and plain == sorted(set(plain)):
        return dict(zip(labels, plain, strict=True))
    digits = max(2, len(str(max(labels))))
    return {
        label: f"{label:0{digits}d}" + (f"_{safe_key(names[label])}" if label in names else "")
        for label in labels
    }


def make_folders(output: Path, variants: tuple[str, ...], classes: Mapping[int, str]) -> None:
    """Make the folders of all classes in those of variants, and clear what dead processes have left in them.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """
    for variant in variants:
        for name in classes.values():
            folder = output / variant / SPLIT / name
            with disk_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
            sweep_partials(folder)


def write_file(path: Path, data: bytes) -> str:
    """Write a file that appears whole or not at all; to make it durable is the caller's, for many at once.

    Returns:
        Its SHA-256.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """
    with PartialFile(path) as partial:
        partial.write(data)
        partial.put()
        return partial.sha256


def encode_mask(mask: HardMask) -> bytes:
    """An (S, S) bool mask as the bytes of a .npy file of 0 and 1."""
    sink = io.BytesIO()
    np.save(sink, mask.astype(np.uint8), allow_pickle=False)
    return sink.getvalue()
