"""Sets of coarser classes: ImageNet-9 with its backgrounds exchanged, and shapes with other textures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import UsageError

from ..classes import IN9, SHAPES, HeadClasses, coarse_classes, imagenet_wnids
from ..judges import ByGroup, ShapeOrTexture
from .parts import Part, Parts, Request
from .pictures import Layout, Pictures, require_whole

VARIANTS = (
    *("original", "only_fg", "no_fg", "only_bg_b", "only_bg_t"),
    *("mixed_same", "mixed_rand", "mixed_next"),
)
IN9_LAYOUT = Layout(
    "ImageNet-9's variants, original/val/00_dog to only_bg_t/val/08_fish with 4,050 pictures each", 4_050, 9
)
CUES = Layout("1,280 pictures such as cat/cat7-elephant3.png in 16 folders of shapes", 1_280, 16)
MAPPING = "in_to_in9.json"
_NUMBERED = re.compile(r"(\d\d)_.+")
_CUE = re.compile(r"(?:.*[_-])?([a-z]+)\d+-([a-z]+)\d+")


def open_in9(request: Request) -> Parts:
    """The variants of ImageNet-9 that there are, or of a challenge that `maskgen challenge` made in folders.

    Raises:
        UsageError: none is there, or one is not whole, or the head has other classes.
    """
    there = [name for name in VARIANTS if (request.folder / name / "val").is_dir()]
    if not there or (len(there) < len(VARIANTS) and not request.partial):
        missing = next(name for name in VARIANTS if name not in there)
        raise UsageError(
            f"in9 is not the whole set: {len(there)} of {len(VARIANTS)} variants",
            where=str(request.folder),
            cause=f"there is no {missing}/val",
            remedy=f"give a folder with {IN9_LAYOUT.text}"
            + (", or --partial to judge what there is" if there else ""),
        )
    parts = {}
    for name in there:
        found = Pictures.below(request.folder / name / "val")
        require_whole(found, f"in9's {name}", IN9_LAYOUT, partial=request.partial)
        labels, groups = in9_groups(found, request.folder, request.classes)
        parts[name] = Part(found.images(), ByGroup(labels, groups))
    return parts


def in9_groups(
    found: Pictures, root: Path, classes: HeadClasses
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The class of each picture, (N,) int64, and of each output of the head, (C,) int64, -1 for none.

    Folders that are named as the head's classes are these. Folders of ImageNet-9 begin with the number of
    their class: a head of nine outputs has these classes in this order; ImageNet's classes are mapped to
    them, by the authors' ``in_to_in9.json`` where that lies with the set, else by our own table.

    Args:
        found: the pictures.
        root: the folder of the set.
        classes: of the head.

    Raises:
        UsageError: neither fits.
    """
    folders = sorted(set(found.folders))
    if set(folders) <= set(classes.names.values()):
        places = np.array([folders.index(name) for name in found.folders], np.int64)
        return places, classes.numbers(folders)
    numbers = [_NUMBERED.fullmatch(name) for name in found.folders]
    if not all(one and int(one[1]) < len(IN9) for one in numbers):
        raise UsageError(
            f"the folders are neither ImageNet-9's nor classes of the head, for example {folders[0]}",
            where=str(found.folder),
            remedy=f"give a folder with {IN9_LAYOUT.text}, or the names of the head's classes with --classes",
        )
    labels = np.array([int(one[1]) for one in numbers if one], np.int64)
    if classes.count == len(IN9):
        return labels, np.arange(len(IN9))
    known = classes.numbers(imagenet_wnids())
    return labels, np.where(known < 0, -1, _in9_table(root)[known])


def _in9_table(root: Path) -> NDArray[np.int64]:
    """(1000,) int64, -1 for none."""
    file = next((one / MAPPING for one in (root, root.parent) if (one / MAPPING).is_file()), None)
    if file is None:
        return coarse_classes("in9", IN9)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        table = np.array([int(found[str(number)]) for number in range(1000)], np.int64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "cannot read the map of ImageNet's classes to ImageNet-9's",
            where=str(file),
            cause=repr(error),
            remedy="download it again, or remove it: maskgen has a map of its own",
        ) from error
    return table


def open_cues(request: Request) -> Parts:
    """Cue conflicts: the shape of one class with the texture of another, of sixteen.

    Raises:
        UsageError: they are not there, not whole, or the head's classes are not ImageNet's.
    """
    found = Pictures.below(request.folder)
    require_whole(found, "cue-conflict", CUES, partial=request.partial)
    cues = [_CUE.fullmatch(path.stem) for path in found.paths]
    if not all(cue and cue[1] in SHAPES and cue[2] in SHAPES for cue in cues):
        odd = next(p for p in found.paths if not (m := _CUE.fullmatch(p.stem)) or {*m.groups()} - {*SHAPES})
        raise UsageError(
            "a picture's name does not say its shape and its texture",
            where=str(found.folder / odd),
            remedy=f"give a folder with {CUES.text}",
        )
    shapes, textures = (np.array([SHAPES.index(cue[n]) for cue in cues if cue], np.int64) for n in (1, 2))
    request.classes.outputs(imagenet_wnids(), str(request.folder))  # refuse heads of other classes
    places = request.classes.numbers(imagenet_wnids())
    groups = np.where(places < 0, -1, coarse_classes("shape", SHAPES)[places])
    return {"": Part(found.images(), ShapeOrTexture(shapes, textures, groups))}
