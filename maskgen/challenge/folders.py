"""A challenge as folders of pictures, as ImageNet-9 is laid out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..io.atomic import PartialFile, disk_errors, sweep_partials
from ..types import HardMask

SPLIT = "val"
MASKS = "fg_mask"
"""The folder of the masks: (S, S) uint8 arrays of 0 and 1 as .npy, where the pictures have theirs."""


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
