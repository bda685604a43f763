"""KEY.meta as a structured dtype: sizes, boxes and label of a sample in 68 bytes that need no decoding."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..types import Box, Label
from .naming import FORMAT_VERSION

META = np.dtype(
    [
        ("version", "<i4"),  # of the shard format
        ("size", "<i4", (2,)),  # height and width of the stored photo, px
        ("fg_box", "<i4", (4,)),  # y0, x0, y1, x1 of the foreground, px; zeros without one
        ("free_box", "<i4", (4,)),  # the largest rectangle without foreground, px
        ("label", "<i4"),  # a class index; -1 without one, or with several
        ("fg_area_ppm", "<i4"),  # share of foreground pixels, parts per million
        ("bg_box", "<i4", (4,)),  # where KEY.bg.jpg lies on the photo, px; zeros without one
    ]
)
"""17 little-endian int32.

``np.frombuffer(data, META)`` reads any number of KEY.meta members behind one another.
"""

Meta: TypeAlias = NDArray[np.void]
"""(B,) of `META`: ``meta["size"]`` is (B, 2) int32, ``meta["fg_box"]`` (B, 4), ``meta["label"]`` (B,)."""


def pack_meta(
    size: tuple[int, int], foreground: Box, free: Box, label: Label, area: float, background: Box
) -> bytes:
    """The KEY.meta member of a sample.

    Args:
        size: (height, width) of the stored photo, px.
        foreground: box of the foreground, px.
        free: the largest rectangle without foreground, px.
        label: a class index; -1 is stored when there is none or several.
        area: share of foreground pixels in [0, 1], stored in parts per million.
        background: where KEY.bg.jpg lies on the photo, px; all zero without one.

    Returns:
        68 bytes.

    Example:
        >>> nowhere = Box(0, 0, 0, 0)
        >>> data = pack_meta((375, 500), Box(10, 20, 110, 220), nowhere, 7, 0.1, nowhere)
        >>> np.frombuffer(data, META)["fg_box"].tolist()
        [[10, 20, 110, 220]]
    """
    single = label if isinstance(label, int) else -1
    fields = (FORMAT_VERSION, size, foreground, free, single, round(area * 1e6), background)
    return np.array([fields], META).tobytes()


def unpack_meta(data: bytes) -> np.void:
    """The fields of one KEY.meta member.

    Args:
        data: its content.

    Returns:
        A scalar of `META`: ``int(meta["label"])``, ``Box(*meta["fg_box"].tolist())``.

    Raises:
        ValueError: not 68 bytes.
    """
    if len(data) != META.itemsize:
        raise ValueError(f"KEY.meta has {len(data)} bytes, not {META.itemsize}")
    fields: np.void = np.frombuffer(data, META)[0]
    return fields
