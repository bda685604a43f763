"""Run-length encoded masks as COCO stores them (cocoapi, common/maskApi.c), in numpy alone.

A mask is a list of counts, or the same counts as a compact string: `encode_counts` and `decode_counts` go
between mask and counts, `compress_counts` and `expand_counts` between counts and string, `decode_runs` takes
either form.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..types import HardMask

_BITS = 5
_MORE = 0x20
_SIGN = 0x10
_FIRST = 48  # "0"
_MAX_DIGITS = 13  # of 64 bits


def encode_counts(mask: HardMask) -> NDArray[np.int64]:
    """The lengths of the runs of a mask in column order, background first.

    The first length is 0 if (0, 0) is foreground.

    Args:
        mask: (H, W) bool.

    Returns:
        (R,) int64 that sum to H * W; empty for a mask without pixels.

    Example:
        >>> from maskgen.io.rle import encode_counts
        >>> import numpy as np
        >>> encode_counts(np.array([[False, True, True], [False, False, True]])).tolist()
        [2, 1, 1, 2]
    """
    flat = mask.ravel(order="F")
    if not flat.size:
        return np.zeros(0, np.int64)
    borders = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    start = [0] if not flat[0] else [0, 0]
    ends = np.concatenate([start, borders, [flat.size]]).astype(np.int64)
    return ends[1:] - ends[:-1]


def decode_counts(counts: NDArray[np.int64] | Sequence[int], size: tuple[int, int]) -> HardMask:
    """The (H, W) bool mask of `encode_counts`.

    Args:
        counts: (R,) lengths of runs.
        size: (H, W), px.

    Raises:
        ValueError: the runs do not fill the mask.

    Example:
        >>> from maskgen.io.rle import decode_counts
        >>> decode_counts([2, 1, 1, 2], (2, 3)).astype(int).tolist()
        [[0, 1, 1], [0, 0, 1]]
    """
    lengths, pixels = np.asarray(counts, np.int64), size[0] * size[1]
    # Each run is checked before their sum, which could overflow.
    fits = lengths.ndim == 1 and lengths.min(initial=0) >= 0 and lengths.max(initial=0) <= pixels
    if not fits or lengths.sum() != pixels:
        raise ValueError(f"runs of {lengths.sum()} pixels for a mask of {size[0]}x{size[1]}")
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(size, order="F")


def decode_runs(counts: str | Sequence[int], size: tuple[int, int]) -> HardMask:
    """The (H, W) bool mask of the ``counts`` of a COCO segmentation, in either of their two forms.

    Args:
        counts: lengths of runs, or their compact string.
        size: (H, W), px.

    Raises:
        ValueError: no such string, or the runs do not fill the mask.

    Example:
        >>> from maskgen.io.rle import decode_runs
        >>> bool((decode_runs("2111", (2, 3)) == decode_runs([2, 1, 1, 2], (2, 3))).all())
        True
    """
    return decode_counts(expand_counts(counts) if isinstance(counts, str) else counts, size)


def compress_counts(counts: NDArray[np.int64]) -> str:
    """The compact string of COCO.

    Each count from the fourth on is replaced by its difference from the one two places before. The numbers
    are written in base 32, lowest digit first, one character a digit: 48 + the digit, + 32 when more digits
    follow. The sixteens' bit of the last digit is the sign.

    Args:
        counts: (R,) lengths of runs.

    Example:
        >>> from maskgen.io.rle import compress_counts
        >>> import numpy as np
        >>> compress_counts(np.array([2, 1, 1, 2]))
        '2111'
    """
    values = np.array(counts, np.int64)
    values[3:] -= np.asarray(counts, np.int64)[1:-2]
    digits = (values[:, None] >> (_BITS * np.arange(_MAX_DIGITS))) & (_MORE - 1)
    rest = values[:, None] >> (_BITS * (1 + np.arange(_MAX_DIGITS)))
    ends = np.where(digits & _SIGN, rest == -1, rest == 0)  # what follows is only the sign
    last = np.argmax(ends, axis=1)
    place = np.arange(_MAX_DIGITS)
    coded = digits + _FIRST + np.where(place < last[:, None], _MORE, 0)
    return bytes(coded[place <= last[:, None]].astype(np.uint8)).decode("ascii")


def expand_counts(text: str) -> NDArray[np.int64]:
    """The inverse of `compress_counts`.

    Returns:
        (R,) int64.

    Raises:
        ValueError: not such a string.

    Example:
        >>> from maskgen.io.rle import expand_counts
        >>> expand_counts("2111").tolist()
        [2, 1, 1, 2]
    """
    counts: list[int] = []
    value = shift = 0
    for code in text.encode("ascii"):
        digit = code - _FIRST
        if not 0 <= digit < 2 * _MORE or shift >= _BITS * _MAX_DIGITS:
            raise ValueError(f"{chr(code)!r} in a run-length string")
        value |= (digit & (_MORE - 1)) << shift
        shift += _BITS
        if not digit & _MORE:
            value -= (1 << shift) if digit & _SIGN else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("a run-length string ends within a number")
    try:
        return np.array(counts, np.int64)
    except OverflowError as error:
        raise ValueError("a run-length string holds a number of more than 64 bits") from error
