"""ObjectNet: household things in odd places, of which 113 kinds are classes of ImageNet too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from maskgen.errors import UsageError
from maskgen.trainers.datasets.images import Pixels

from ..classes import imagenet_wnids
from ..judges import ByGroup
from .parts import Part, Parts, Request
from .pictures import Layout, Pictures, require_whole

LAYOUT = Layout(
    "ObjectNet as it is unpacked: images/ with 50,273 pictures in 313 folders, and mappings/", 50_273, 313
)
KINDS = 113
"""How many of its kinds ImageNet has (Barbu et al., section 4)."""
BORDER = 2
"""Px of the red frame that marks each picture as one to test on only."""
_LABELS = "folder_to_objectnet_label.json"
_THINGS = "objectnet_to_imagenet_1k.json"
_NAMES = "imagenet_to_label_2012_v2"
_ORDER = "pytorch_to_imagenet_2012_id.json"


def open_objectnet(request: Request) -> Parts:
    """The pictures whose kind ImageNet has too; any answer that belongs to the kind is right.

    Source: Barbu et al.: ObjectNet: A large-scale bias-controlled dataset for pushing the limits of object
    recognition models, NeurIPS 2019, https://objectnet.dev. The map of classes is the set's own, from its
    folder ``mappings``.

    Raises:
        UsageError: pictures or maps are not there, or not whole.
    """
    inner = request.folder / "objectnet-1.0"
    home = inner if (inner / "images").is_dir() else request.folder
    found = Pictures.below(home / "images")
    require_whole(found, "objectnet", LAYOUT, partial=request.partial)
    kinds = _kinds(home / "mappings")
    if len(kinds) != KINDS and not request.partial:
        raise UsageError(
            f"ObjectNet's map has {len(kinds)} kinds that ImageNet has, of {KINDS}",
            where=str(home / "mappings"),
            cause="another version of the map, or a part of it",
            remedy="unpack the set's mappings/ again, or --partial to judge these kinds",
        )
    rows = [row for row, folder in enumerate(found.folders) if folder in kinds]
    if not rows:
        raise UsageError(
            "none of the folders is one of ObjectNet's kinds that ImageNet has",
            where=str(found.folder),
            remedy=f"give a folder with {LAYOUT.text}",
        )
    names = sorted(kinds)
    table = np.full(len(imagenet_wnids()), -1)
    for number, name in enumerate(names):
        table[kinds[name]] = number
    places = request.classes.numbers(imagenet_wnids())
    taken = found.take(rows)
    labels = np.array([names.index(folder) for folder in taken.folders], np.int64)
    images = taken.images(change=cut_border, mark=f"border {BORDER}")
    return {"": Part(images, ByGroup(labels, np.where(places < 0, -1, table[places])))}


def cut_border(image: Pixels, _path: PurePosixPath) -> Pixels:
    """An (H, W, 3) picture without its frame."""
    return image[BORDER:-BORDER, BORDER:-BORDER]


def _kinds(mappings: Path) -> dict[str, list[int]]:
    """ImageNet's numbers of each kind, by the kind's folder; kinds that ImageNet lacks are left out."""
    labels, things, order = (_read(mappings / name) for name in (_LABELS, _THINGS, _ORDER))
    try:
        lines = (mappings / _NAMES).read_text(encoding="utf-8").splitlines()
        ours = {int(theirs): int(number) for number, theirs in order.items()}
        numbers = {line.strip(): ours[place] for place, line in enumerate(lines) if line.strip()}
        return {
            folder: [numbers[name.strip()] for name in things[label].split(";")]
            for folder, label in labels.items()
            if label in things
        }
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise _unreadable(mappings, error) from error


def _read(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error
    if not isinstance(found, dict):
        raise _unreadable(file, TypeError("not an object"))
    return found


def _unreadable(where: Path, error: Exception) -> UsageError:
    return UsageError(
        "cannot read ObjectNet's map of classes",
        where=str(where),
        cause=repr(error),
        remedy=f"give the set's own folder: mappings/ has {_LABELS}, {_THINGS}, {_NAMES} and {_ORDER}",
    )
