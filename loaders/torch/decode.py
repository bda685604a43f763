"""The decoded pictures of a batch, by OpenCV in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ImageFault
from maskgen.io.images.stored import decode_photo
from maskgen.shards import naming
from maskgen.types import RGB

from ..pixels.sources import Sources
from ..reading.samples import SampleReader

_NO_PICTURE = np.zeros((1, 1, 3), np.uint8)


def decode(
    sources: Sources, reader: SampleReader, each: Callable[..., Iterator[RGB]]
) -> tuple[list[RGB], list[RGB]]:
    """The photos of a batch, and the backgrounds that its views show.

    OpenCV's decoder and that of DALI's CPU backend are builds of libjpeg-turbo, and give the same pixels.

    Args:
        sources: of B rows.
        reader: that the sources came from; it names damaged pictures.
        each: applies a function to many arguments, in order: `map`, or that of a thread pool.

    Returns:
        B photos (H, W, 3) uint8 RGB, and B backgrounds like them; one pixel where no view shows a row's
        background.

    Raises:
        BrokenSample: a picture is damaged.
    """
    rows = range(len(sources.photos))
    wanted = [(naming.PHOTO, row) for row in rows] + [(naming.BACKGROUND, row) for row in sources.backgrounds]
    decoded = dict(zip(wanted, each(partial(_decode_one, sources, reader), wanted), strict=True))
    photos = [decoded[naming.PHOTO, row] for row in rows]
    return photos, [decoded.get((naming.BACKGROUND, row), _NO_PICTURE) for row in rows]


def _decode_one(sources: Sources, reader: SampleReader, picture: tuple[str, int]) -> RGB:
    ext, row = picture
    encoded: NDArray[np.uint8] = sources.photos[row] if ext == naming.PHOTO else sources.backgrounds[row]
    try:
        return decode_photo(encoded.tobytes())
    except ImageFault as error:
        sample = int(sources.taken.samples[row])
        raise reader.fault(sample, ext, "a picture cannot be decoded", str(error)) from error
