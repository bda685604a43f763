"""PNGs whose pixels are numbers of objects or classes, as DAVIS and PASCAL VOC have them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from maskgen.errors import ImageFault, SourceFault
from maskgen.io.atomic import write_atomic
from maskgen.io.images.containers import strip_png
from maskgen.io.images.header import read_header

VOID = 255
"""Pixels that do not count."""
_MAX_BYTES, _MAX_PIXELS = 64 << 20, 64_000_000


def read_indices(path: Path, *, masks: bool = True) -> NDArray[np.uint8]:
    """The (H, W) uint8 numbers of a PNG with a palette, or of a gray one.

    Args:
        path: of the file.
        masks: whether a gray PNG that has no values but 0 and 255 is a mask of one object, as in DAVIS-2016,
            and is read as 0 and 1; else 255 is void there too.

    Raises:
        SourceFault: it cannot be read, is no PNG of one channel of at most 8 bits, or too large.
    """
    try:
        data = path.read_bytes()
        image = _open(data)
        found = np.array(image, np.uint8)
    except (OSError, ImageFault, SyntaxError, ValueError) as error:
        raise SourceFault(
            "cannot read a map of numbers",
            where=str(path),
            cause=str(error),
            remedy="unpack the data set's archive again: its annotations are PNGs with a palette, or gray",
        ) from error
    if masks and image.mode == "L" and set(np.unique(found).tolist()) <= {0, VOID}:
        return np.asarray(found == VOID, np.uint8)
    return found


def _open(data: bytes) -> PngImageFile:
    if len(data) > _MAX_BYTES:
        raise ImageFault("too-many-bytes", f"{len(data)} bytes")
    header = read_header(data)
    if header.format != "png" or header.components != 1 or header.bits > 8:
        raise ImageFault(
            "bad-header", f"a {header.format} of {header.components} x {header.bits} bits a pixel"
        )
    if header.width * header.height > _MAX_PIXELS:
        raise ImageFault("too-many-pixels", f"{header.width}x{header.height} px")
    image = PngImageFile(io.BytesIO(strip_png(data)[0]))
    if image.mode not in ("P", "L"):
        raise ImageFault("bad-header", f"a PNG of mode {image.mode}")
    image.load()
    return image


def write_indices(path: Path, indices: NDArray[np.uint8]) -> None:
    """Write (H, W) uint8 numbers as a PNG with VOC's palette, which is DAVIS's too."""
    image = Image.fromarray(indices)
    image.putpalette(palette().tobytes())  # the mode becomes P
    data = io.BytesIO()
    image.save(data, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, data.getvalue())


def palette() -> NDArray[np.uint8]:
    """VOC's (256, 3) RGB colors: the bits of a number, dealt out to red, green and blue from the top.

    Example:
        >>> from maskgen.trainers.datasets.index_png import palette
        >>> palette()[[0, 1, 2, 3, 255]].tolist()
        [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [224, 224, 192]]
    """
    numbers = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for place in range(8):
        colors[:, place % 3] |= ((numbers >> place & 1) << (7 - place // 3)).astype(np.uint8)
    return colors
