"""What a round's own masks say about the labels that it has learned from."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from maskgen.pipelines.distill.training.phase import mix_labels, overlaps


def test_overlap_is_counted_pixels() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 256, (2, 5, 6, 7), dtype=np.uint8)
    one[4] = other[4] = 90  # both empty
    wanted = []
    for x, y in zip(one, other, strict=True):
        a, b = {*np.flatnonzero(x >= 128)}, {*np.flatnonzero(y >= 128)}
        wanted.append(len(a & b) / len(a | b) if a | b else 1.0)
    assert overlaps(one, other).tolist() == pytest.approx(wanted)


def test_labels_are_mixed_by_the_share_of_the_students() -> None:
    maps = np.array([[[[200]], [[0]]]], np.uint8)  # one photo, two teachers, one pixel
    found = np.array([[[100]]], np.uint8)
    assert mix_labels(maps, found, 0.25).tolist() == [[[[175]]], [[[25]]]]
    assert mix_labels(maps, found, 0.0)[:, 0].tolist() == maps[0].tolist()
