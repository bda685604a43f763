"""KEY.meta as a structured dtype: sizes, boxes and label of a sample in 72 bytes that need no decoding."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..types import Box, Label
from .naming import CONFIDENCE_SINCE, FORMAT_VERSION

META = np.dtype(
    [
        ("version", "<i4"),  # of the shard format
        ("size", "<i4", (2,)),  # height and width of the stored photo, px
        ("fg_box", "<i4", (4,)),  # y0, x0, y1, x1 of the foreground, px; zeros without one
        ("free_box", "<i4", (4,)),  # the largest rectangle without foreground, px
        ("label", "<i4"),  # a class index; -1 without one, or with several
        ("fg_area_ppm", "<i4"),  # share of foreground pixels, parts per million
        ("bg_box", "<i4", (4,)),  # where KEY.bg.jpg lies on the photo, px; zeros without one
        ("confidence_ppm", "<i4"),  # in the mask, parts per million; since format 4, and UNKNOWN before
    ]
)
"""18 little-endian int32.

``np.frombuffer(data, META)`` reads any number of KEY.meta members of format 4 behind one another.
"""

UNKNOWN = -1
"""`confidence_ppm` of a sample of formats 2 and 3, whose KEY.meta ends before it."""

Meta: TypeAlias = NDArray[np.void]
"""(B,) of `META`: ``meta["size"]`` is (B, 2) int32, ``meta["fg_box"]`` (B, 4), ``meta["label"]`` (B,)."""


def pack_meta(
    size: tuple[int, int],
    foreground: Box,
    free: Box,
    label: Label,
    area: float,
    background: Box,
    confidence: float,
    version: int = FORMAT_VERSION,
) -> bytes:
    """The KEY.meta member of a sample.

    Args:
        size: (height, width) of the stored photo, px.
        foreground: box of the foreground, px.
        free: the largest rectangle without foreground, px.
        label: a class index; -1 is stored when there is none or several.
        area: share of foreground pixels in [0, 1], stored in parts per million.
        background: where KEY.bg.jpg lies on the photo, px; all zero without one.
        confidence: in the mask, [0, 1], stored in parts per million; see `shards.confidence`.
        version: of the shard format, 4 or later.

    Returns:
        72 bytes.

    Example:
        >>> nowhere = Box(0, 0, 0, 0)
        >>> data = pack_meta((375, 500), Box(10, 20, 110, 220), nowhere, 7, 0.1, nowhere, 0.5)
        >>> np.frombuffer(data, META)["fg_box"].tolist()
        [[10, 20, 110, 220]]
    """
    single = label if isinstance(label, int) else -1
    fields = (version, size, foreground, free, single, _ppm(area), background, _ppm(confidence))
    return np.array([fields], META).tobytes()


def _ppm(share: float) -> int:
    return round(share * 1e6)


def meta_bytes(version: int) -> int:
    """The length of KEY.meta in a version of the format.

    Example:
        >>> meta_bytes(3), meta_bytes(4)
        (68, 72)
    """
    return META.itemsize if version >= CONFIDENCE_SINCE else META.itemsize - 4


def unpack_meta(data: bytes) -> np.void:
    """The fields of one KEY.meta member.

    Args:
        data: its content.

    Returns:
        A scalar of `META`: ``int(meta["label"])``, ``Box(*meta["fg_box"].tolist())``. The confidence of a
        sample of an older format is `UNKNOWN`.

    Raises:
        ValueError: not as many bytes as its version has.
    """
    version = int.from_bytes(data[:4], "little", signed=True)
    if len(data) != meta_bytes(version):
        raise ValueError(f"KEY.meta has {len(data)} bytes, not {meta_bytes(version)}")
    if version < CONFIDENCE_SINCE:
        data += np.int32(UNKNOWN).astype("<i4").tobytes()
    fields: np.void = np.frombuffer(data, META)[0]
    return fields
