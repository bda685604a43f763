"""Sets whose classes are ImageNet's: V2, A, R, Sketch and C."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskgen.errors import UsageError
from maskgen.io.wnids import WNID

from ..classes import imagenet_wnids
from ..judges import ByClass
from ..scores import ALEXNET, SEVERITIES
from .parts import Part, Parts, Request, outputs_of
from .pictures import Layout, Pictures, require_whole

V2 = Layout(
    "ImageNet V2's 10,000 photos in 1,000 folders named 0 to 999, or with its three sets", 10_000, 1000
)
A = Layout("ImageNet-A's 7,500 photos in 200 folders named by their wnids", 7_500, 200)
R = Layout("ImageNet-R's 30,000 pictures in 200 folders named by their wnids", 30_000, 200)
SKETCH = Layout("ImageNet-Sketch's 50,889 pictures in 1,000 folders named by their wnids", 50_889, 1000)
C = Layout(
    "ImageNet-C's fifteen corruptions, gaussian_noise/1 to jpeg_compression/5, each with 50,000 photos in "
    "1,000 folders named by their wnids",
    50_000,
    1000,
)
V2_SETS = ("matched-frequency", "threshold0.7", "top-images")


def open_v2(request: Request) -> Parts:
    """ImageNet V2, one of its sets or all three; a folder's name is the number of its class.

    Raises:
        UsageError: it is not there, or not whole.
    """
    inner = {name: sorted(request.folder.glob(f"*{name}*")) for name in V2_SETS}
    folders = {name: found[0] for name, found in inner.items() if found and found[0].is_dir()}
    parts = {}
    for name, folder in (folders or {"": request.folder}).items():
        found = Pictures.below(folder)
        require_whole(found, "v2", V2, partial=request.partial)
        names = found.folders
        if not all(name.isdecimal() and int(name) < len(imagenet_wnids()) for name in names):
            raise _wrong_folders(folder, V2)
        wnids = [imagenet_wnids()[int(name)] for name in names]
        parts[name] = Part(found.images(), ByClass(outputs_of(wnids, request.classes, folder)))
    return parts


def open_a(request: Request) -> Parts:
    """ImageNet-A: only its two hundred classes may be answered.

    Raises:
        UsageError: it is not there, or not whole.
    """
    return _of_wnids(request, "a", A, restricted=True)


def open_r(request: Request) -> Parts:
    """ImageNet-R: likewise.

    Raises:
        UsageError: it is not there, or not whole.
    """
    return _of_wnids(request, "r", R, restricted=True)


def open_sketch(request: Request) -> Parts:
    """ImageNet-Sketch.

    Raises:
        UsageError: it is not there, or not whole.
    """
    return _of_wnids(request, "sketch", SKETCH, restricted=False)


def open_c(request: Request) -> Parts:
    """ImageNet-C: fifteen corruptions, five severities each, as ``CORRUPTION/SEVERITY``.

    Raises:
        UsageError: it is not there, or not whole.
    """
    names = [f"{name}/{severity}" for name in ALEXNET for severity in SEVERITIES]
    there = [name for name in names if (request.folder / name).is_dir()]
    if not there or (len(there) < len(names) and not request.partial):
        raise UsageError(
            f"c is not the whole set: {len(there)} of 75 corruptions and severities",
            where=str(request.folder),
            cause=f"there is no {next(name for name in names if name not in there)}",
            remedy=f"give a folder with {C.text}"
            + (", or --partial to judge what there is" if there else ""),
        )
    parts = {}
    for name in there:
        inner = Request(folder=request.folder / name, classes=request.classes, partial=request.partial)
        parts[name] = _of_wnids(inner, f"c's {name}", C, restricted=False)[""]
    return parts


def _of_wnids(request: Request, kind: str, layout: Layout, *, restricted: bool) -> Parts:
    """Photos in folders that are named by their wnids."""
    found = Pictures.below(request.folder)
    require_whole(found, kind, layout, partial=request.partial)
    if not all(map(WNID.fullmatch, found.folders)):
        raise _wrong_folders(request.folder, layout)
    labels = outputs_of(found.folders, request.classes, request.folder)
    members = np.unique(labels) if restricted else None
    return {"": Part(found.images(), ByClass(labels, members))}


def _wrong_folders(folder: Path, layout: Layout) -> UsageError:
    return UsageError(
        "the folders of the pictures are not named as the set's",
        where=str(folder),
        remedy=f"give a folder with {layout.text}",
    )
