"""ImageNet's validation photos, with their own labels and with ReaL's."""

from __future__ import annotations

import json
from pathlib import Path

from maskgen.errors import UsageError
from maskgen.trainers.datasets.public.imagenet import (
    folders_above,
    photo_number,
    validation_folder,
    validation_wnids,
)
from maskgen.trainers.datasets.public.table import KINDS

from ..classes import HeadClasses, imagenet_wnids
from ..judges import ByClass, ByLists
from .parts import Part, Parts, Request, outputs_of
from .pictures import Layout, Pictures, require_whole

VAL = Layout(
    "ImageNet's 50,000 validation photos, in 1,000 folders named by their wnids, or in one folder as "
    "ILSVRC2012_val_00000001.JPEG and so on with LOC_val_solution.csv, or the devkit, beside them",
    50_000,
    1000,
)
REAL = "real.json"


def open_val(request: Request) -> Parts:
    """ImageNet's validation photos.

    Raises:
        UsageError: they are not there, or not all.
        SourceFault: nothing says their classes.
    """
    found = Pictures.below(validation_folder(request.folder))
    require_whole(found, "val", VAL, partial=request.partial)
    home = KINDS["imagenet-val"].home(request.folder)
    wnids, _ = validation_wnids(home, found.folder, [str(path) for path in found.paths])
    labels = outputs_of(wnids, request.classes, found.folder)
    return {"": Part(found.images(), ByClass(labels))}


def open_real(request: Request) -> Parts:
    """The same photos with ReaL's labels, which need no others.

    Raises:
        UsageError: photos or labels are not there, or do not belong together.
    """
    found = Pictures.below(validation_folder(request.folder))
    require_whole(found, "real", VAL, partial=request.partial)
    lists = _read_real(request.labels or _beside(found.folder, REAL), request.classes)
    numbers = [photo_number(path.name) for path in found.paths]
    if not all(1 <= number <= len(lists) for number in numbers):
        raise UsageError(
            "ReaL's labels go by the numbers in the photos' names, which are not there",
            where=str(found.folder),
            remedy="give photos that are named as ILSVRC2012_val_00000001.JPEG",
        )
    return {"": Part(found.images(), ByLists([lists[number - 1] for number in numbers]))}


def _beside(folder: Path, name: str) -> Path:
    """A file beside the photos or in one of the folders above them."""
    return next((one / name for one in folders_above(folder) if (one / name).is_file()), folder / name)


def _read_real(file: Path, classes: HeadClasses) -> list[list[int]]:
    """ReaL's lists, as outputs of the head."""
    try:
        lists = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            "cannot read ReaL's labels",
            where=str(file),
            cause=str(error),
            remedy="give the real.json of google-research/reassessed-imagenet with --real-labels",
        ) from error
    thousand = len(imagenet_wnids())
    sound = isinstance(lists, list) and all(
        isinstance(one, list) and all(isinstance(n, int) and 0 <= n < thousand for n in one) for one in lists
    )
    if not sound:
        raise UsageError(
            "ReaL's labels are a list of lists of numbers from 0 to 999",
            where=str(file),
            remedy="give the real.json of google-research/reassessed-imagenet with --real-labels",
        )
    outputs = classes.outputs(imagenet_wnids(), str(file))
    return [[int(outputs[number]) for number in one] for one in lists]
