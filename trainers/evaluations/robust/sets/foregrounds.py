"""ImageNet-A with nothing but its foregrounds, by masks from anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from maskgen.config.fingerprint import digest
from maskgen.errors import UsageError
from maskgen.loaders import MaskReader
from maskgen.shards import naming
from maskgen.trainers.datasets.images import Pixels
from maskgen.trainers.datasets.public.picture import read_picture
from maskgen.types import HardMask

from ..judges import ByClass
from .imagenet import A
from .parts import Part, Parts, Request, outputs_of
from .pictures import Pictures, require_whole

MaskOf = Callable[[PurePosixPath], HardMask | None]


def open_foregrounds(request: Request) -> Parts:
    """Only-FG ImageNet-A: each photo's background is made one gray before the photo is cropped.

    Source: Ryali, Schwab, Morcos: Characterizing and Improving the Robustness of Self-Supervised Learning
    through Background Augmentations, 2021, https://arxiv.org/abs/2103.12719, section 5 and table A14. The
    paper does not say which gray; black is that of its Only-FG in ImageNet-9.

    Raises:
        UsageError: photos or masks are not there, or not all of them.
    """
    found = Pictures.below(request.folder)
    require_whole(found, "a-fg", A, partial=request.partial)
    mask_of, mark = _masks(request)
    rows = [row for row, path in enumerate(found.paths) if mask_of(path) is not None]
    if not rows or (len(rows) < len(found) and not request.partial):
        raise UsageError(
            f"{len(found) - len(rows)} of {len(found)} photos have no mask",
            where=str(request.masks),
            remedy="make masks of these photos: `maskgen run --dataset folder --input imagenet-a`",
        )
    labels = outputs_of(found.folders, request.classes, request.folder)

    def cut(image: Pixels, path: PurePosixPath) -> Pixels:
        mask = mask_of(path)
        return image if mask is None else paint_background(image, mask, request.fill)

    taken = found.take(rows)
    images = taken.images(change=cut, mark=digest([mark, request.fill]))
    return {"": Part(images, ByClass(labels[rows], np.unique(labels)))}


def paint_background(image: Pixels, mask: HardMask, fill: int) -> Pixels:
    """A photo with one gray where its mask has no foreground.

    Args:
        image: (H, W, 3) uint8.
        mask: bool, of the photo's shape or smaller.
        fill: 0 to 255.
    """
    if mask.shape != image.shape[:2]:
        size = (image.shape[1], image.shape[0])
        mask = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return np.where(mask[..., None], image, np.uint8(fill))


def _masks(request: Request) -> tuple[MaskOf, str]:
    """The mask of a photo by its path, and what the masks are a function of."""
    if request.masks is None:
        raise UsageError(
            "a-fg needs masks of ImageNet-A's photos", remedy="give shards or a folder of masks with --masks"
        )
    if (request.masks / naming.MANIFEST).exists():
        reader = MaskReader(request.masks)
        return _of_shards(reader), reader.dataset.fingerprint
    known = Pictures.below(request.masks)
    files = {path.with_suffix(""): path for path in known.paths}
    return _of_folder(request.masks, files), known.images().fingerprint


def _of_shards(reader: MaskReader) -> MaskOf:
    def mask_of(path: PurePosixPath) -> HardMask | None:
        try:
            key = reader.key_of(str(path))
        except KeyError:
            return None
        return reader.hard(key) if key in reader else None

    return mask_of


def _of_folder(folder: Path, files: dict[PurePosixPath, PurePosixPath]) -> MaskOf:
    def mask_of(path: PurePosixPath) -> HardMask | None:
        file = files.get(path.with_suffix(""))
        if file is None:
            return None
        return read_picture((folder / file).read_bytes(), str(folder / file))[..., 0] >= 128

    return mask_of
