"""Run lengths against pycocotools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from maskgen.io.rle import compress_counts, decode_counts, decode_runs, encode_counts, expand_counts

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # in pycocotools

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40)))


def agree(mask: np.ndarray) -> None:
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    counts = encode_counts(mask)
    text = compress_counts(counts)
    assert text == theirs["counts"].decode()
    assert theirs["size"] == list(mask.shape)
    listed = coco.frPyObjects({"size": list(mask.shape), "counts": counts.tolist()}, *mask.shape)
    assert (coco.decode(listed) == mask).all()
    assert (coco.decode({"size": list(mask.shape), "counts": text.encode()}) == mask).all()
    assert (expand_counts(text) == counts).all()
    assert (decode_counts(counts, mask.shape) == mask).all()  # type: ignore[arg-type]
    for either in (text, counts.tolist()):
        assert (decode_runs(either, mask.shape) == mask).all()  # type: ignore[arg-type]


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(mask=MASKS)
def test_any_small_mask(mask: np.ndarray) -> None:
    agree(mask)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (375, 500), (3000, 2000)])
@pytest.mark.parametrize("kind", ["empty", "full", "half", "blob", "last pixel"])
def test_long_runs(size: tuple[int, int], kind: str) -> None:
    mask = np.zeros(size, np.bool_)
    height, width = size
    if kind == "full":
        mask[:] = True
    elif kind == "half":
        mask[:, width // 2 :] = True
    elif kind == "blob":
        y, x = np.mgrid[:height, :width]
        mask = np.hypot(y - height / 2, x - width / 3) < min(size) / 2.5
    elif kind == "last pixel":
        mask[-1, -1] = True
    agree(mask)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(counts=st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=30))
def test_any_counts_come_back(counts: list[int]) -> None:
    values = np.array(counts, np.int64)
    assert expand_counts(compress_counts(values)).tolist() == counts


def test_no_pixels_and_no_counts() -> None:
    assert encode_counts(np.zeros((0, 5), np.bool_)).tolist() == []
    assert compress_counts(np.zeros(0, np.int64)) == ""
    assert expand_counts("").tolist() == []


@pytest.mark.parametrize("text", ["o", "0~", "1 2", "pp", "P" * 40 + "0", "oooooooooooo7" * 4])
def test_string_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="run-length string"):
        expand_counts(text)


@pytest.mark.parametrize("counts", [[3], [30, -6], [24, 1], [], [[24]], [1 << 62] * 4 + [24]])
def test_counts_that_do_not_fill_the_mask(counts: Any) -> None:
    with pytest.raises(ValueError, match="4x6"):
        decode_counts(counts, (4, 6))
